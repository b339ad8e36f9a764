import { ContextError } from '@ringfence/context'
import type * as z from 'zod'
import { EngineError } from '../errors/engine-error.ts'
import { copyInput, type CopiedInput } from './copy-input.ts'
import { inTime } from './in-time.ts'
import { parse } from './parse.ts'

export interface ReadLimits {
  /** Characters that it may hold. */
  readonly most: number
  /** Milliseconds that a schema may take that looks something up; then it rejects with `RUN_DEADLINE`. */
  readonly mostMs: number
}

/**
 * A copy of what the schema makes of an input. Throws, or rejects with, `INVALID_INPUT` for what does not fit, and for
 * what throws when it is read: a revoked proxy is the caller's mistake as much as a wrong type is.
 */
export function readInput(
  schema: z.ZodType,
  input: unknown,
  subject: string,
  { most, mostMs }: ReadLimits,
): CopiedInput | Promise<CopiedInput> {
  try {
    const parsed = parse(schema, input, 'INVALID_INPUT', subject)
    if (!(parsed instanceof Promise)) return copyInput(parsed, subject, most)
    const late = { code: 'RUN_DEADLINE', undone: `${subject} was not checked` } as const
    return Promise.resolve(inTime(parsed, mostMs, late)).then(
      (value) => copyOf(value, subject, most),
      (cause: unknown) => refuse(cause, subject),
    )
  } catch (cause) {
    return refuse(cause, subject)
  }
}

function copyOf(value: unknown, subject: string, most: number): CopiedInput {
  try {
    return copyInput(value, subject, most)
  } catch (cause) {
    return refuse(cause, subject)
  }
}

function refuse(cause: unknown, subject: string): never {
  if (EngineError.is(cause) || ContextError.is(cause)) throw cause
  throw new EngineError('INVALID_INPUT', `${subject} cannot be read.`, { cause })
}
