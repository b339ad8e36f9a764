import type * as z from 'zod'
import { Problem } from '../problems/problem.ts'

/** The value as its schema has it. Otherwise `invalid_input` with a path for each thing that is wrong. */
export function checkFits<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): z.output<Schema> {
  const checked = schema.safeParse(value)
  if (checked.success) return checked.data
  throw new Problem('invalid_input', {
    errors: checked.error.issues.map(({ path, message }) => ({
      path: path.map(String).join('.'),
      message,
    })),
  })
}
