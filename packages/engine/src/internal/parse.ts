import type * as z from 'zod'
import { EngineError, type EngineErrorCode, type SchemaIssue } from '../errors/engine-error.ts'

/** What the schema makes of the value. Throws the error `code`, with the paths and reasons. */
export async function parse<Output>(
  schema: z.ZodType<Output>,
  value: unknown,
  code: EngineErrorCode,
  subject: string,
): Promise<Output> {
  const result = await schema.safeParseAsync(value)
  if (result.success) return result.data
  const issues = result.error.issues.map(toSchemaIssue)
  const reasons = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
  throw new EngineError(
    code,
    `${subject} does not fit its schema. ${reasons.slice(0, 5).join('; ')}.`,
    {
      issues,
    },
  )
}

function toSchemaIssue(issue: z.core.$ZodIssue): SchemaIssue {
  return { path: issue.path.map(String).join('.'), message: issue.message }
}
