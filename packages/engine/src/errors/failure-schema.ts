import * as z from 'zod'
import type { Failure } from './failure.ts'

/** A failure as it travels, in events and in what is told of a run. Unknown fields are dropped. */
export const failure: z.ZodType<Failure> = z.object({
  code: z.string(),
  message: z.string(),
  retryAfterMs: z.number().nonnegative().optional(),
})
