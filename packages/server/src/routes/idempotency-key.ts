import { identifier } from '../body/fields.ts'
import { Problem } from '../problems/problem.ts'

const quoted = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/
const bare = /^[\w.:~-]+$/

/**
 * The key of a request that may be sent again (draft-ietf-httpapi-idempotency-key-header): a string of RFC 9651 in
 * quotes, or one without any, as most clients send it. Undefined where there is none; throws
 * `invalid_idempotency_key` for what is neither, and for more than one.
 */
export function idempotencyKeyOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  const value = header.trim()
  const key = bare.test(value) ? value : quoted.exec(value)?.[1]?.replaceAll(/\\(["\\])/g, '$1')
  if (identifier.safeParse(key).success) return key
  throw new Problem('invalid_idempotency_key', {
    detail: '`Idempotency-Key` is one string in quotes, of 1 to 256 printable ASCII characters.',
  })
}
