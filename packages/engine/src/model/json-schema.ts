import * as z from 'zod'
import type { ModelJsonSchema } from './language-model.ts'

/**
 * A schema as models are told of it. Objects take no fields that the schema does not name: providers that hold a
 * model to its schema ask for that to be said.
 */
export function modelJsonSchema(schema: z.ZodType): ModelJsonSchema {
  const jsonSchema: object = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    cycles: 'ref',
    reused: 'inline',
    override: ({ jsonSchema: written }) => {
      if (written.type !== 'object' || written.properties === undefined) return
      written.additionalProperties ??= false
    },
  })
  return jsonSchema
}
