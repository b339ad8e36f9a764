import * as z from 'zod'
import { ArgumentError } from '../argument-error.ts'

export const label: z.ZodString = z.string().min(1).max(256)
export const clockOption: z.ZodType<() => number> = z.custom<() => number>(
  (value) => typeof value === 'function',
  'expected a function',
)
export const maxHopsOption: z.ZodType<number, number | undefined> = z
  .int()
  .min(1)
  .max(1_000)
  .default(8)
export const maxBytesOption: z.ZodType<number, number | undefined> = z
  .int()
  .min(1_024)
  .max(1_048_576)
  .default(8_192)

/** Checks options by their schema. Throws an ArgumentError that names what is wrong, and never a key. */
export function checkOptions<Output>(
  where: string,
  schema: z.ZodType<Output>,
  options: unknown,
): Output {
  const result = schema.safeParse(options)
  if (result.success) return result.data
  const reasons = result.error.issues.map(
    ({ code, path, message }) =>
      `${path.map(String).join('.')}: ${code === 'unrecognized_keys' ? 'there is a name too many' : message}`,
  )
  throw new ArgumentError(`Cannot ${where}: ${reasons.join('; ')}`)
}
