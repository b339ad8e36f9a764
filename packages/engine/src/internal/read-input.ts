import { ContextError } from '@ringfence/context'
import type * as z from 'zod'
import { EngineError } from '../errors/engine-error.ts'
import { copyInput, type CopiedInput } from './copy-input.ts'
import { parse } from './parse.ts'

/**
 * A copy of what the schema makes of an input. Throws `INVALID_INPUT` for what does not fit, and for what throws when
 * it is read: a revoked proxy is the caller's mistake as much as a wrong type is.
 */
export async function readInput(
  schema: z.ZodType,
  input: unknown,
  subject: string,
  most?: number,
): Promise<CopiedInput> {
  try {
    return copyInput(await parse(schema, input, 'INVALID_INPUT', subject), subject, most)
  } catch (cause) {
    if (EngineError.is(cause) || ContextError.is(cause)) throw cause
    throw new EngineError('INVALID_INPUT', `${subject} cannot be read.`, { cause })
  }
}
