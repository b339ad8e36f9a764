import * as z from 'zod'
import { EngineError, type EngineErrorCode, type SchemaIssue } from '../errors/engine-error.ts'

/**
 * What the schema makes of the value. Throws, or rejects with, the error `code`, with the paths and reasons. A promise
 * only where the schema waits for something itself: most do not, and to wait for them all the same costs more than they do.
 */
export function parse<Output>(
  schema: z.ZodType<Output>,
  value: unknown,
  code: EngineErrorCode,
  subject: string,
): Output | Promise<Output> {
  // What zod's own functions do, for whoever builds on it: theirs make a promise each time.
  // oxlint-disable-next-line eslint/no-underscore-dangle
  const payload = schema._zod.run({ value, issues: [] }, { async: true })
  const output =
    payload instanceof Promise
      ? payload.then((settled) => valueOf(settled, code, subject))
      : valueOf(payload, code, subject)
  // The schema says what it puts out.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return output as Output | Promise<Output>
}

function valueOf(
  { value, issues }: z.core.ParsePayload,
  code: EngineErrorCode,
  subject: string,
): unknown {
  if (issues.length === 0) return value
  const config = z.core.config()
  const told = issues.map((issue) =>
    toSchemaIssue(z.core.util.finalizeIssue(issue, { async: true }, config)),
  )
  const reasons = told.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
  throw new EngineError(
    code,
    `${subject} does not fit its schema. ${reasons.slice(0, 5).join('; ')}.`,
    { issues: told },
  )
}

function toSchemaIssue(issue: z.core.$ZodIssue): SchemaIssue {
  return { path: issue.path.map(String).join('.'), message: issue.message }
}
