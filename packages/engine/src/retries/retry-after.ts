import { propertyOf } from '../internal/property-of.ts'

const deepest = 5

/**
 * Milliseconds that an error, or what caused it, asks to wait: `retryAfterMs`, or the headers `retry-after-ms` and
 * `retry-after` of the response that it carries (`responseHeaders` or `headers`). Undefined where it asks for none.
 */
export function retryAfterOf(error: unknown, now: number): number | undefined {
  let current = error
  for (let depth = 0; depth < deepest && current !== undefined; depth += 1) {
    const asked =
      positive(propertyOf(current, 'retryAfterMs')) ??
      ofHeaders(propertyOf(current, 'responseHeaders'), now) ??
      ofHeaders(propertyOf(current, 'headers'), now)
    if (asked !== undefined) return asked
    current = propertyOf(current, 'cause')
  }
  return undefined
}

function ofHeaders(headers: unknown, now: number): number | undefined {
  const ms = header(headers, 'retry-after-ms')
  const after = header(headers, 'retry-after')
  if (ms !== undefined && ms.trim() !== '') return positive(Number(ms))
  if (after === undefined || after.trim() === '') return undefined
  const seconds = Number(after)
  if (!Number.isNaN(seconds)) return positive(seconds * 1_000)
  return positive(Date.parse(after) - now)
}

function header(headers: unknown, name: string): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined
  if (headers instanceof Headers) return headers.get(name) ?? undefined
  for (const [given, value] of Object.entries(headers)) {
    if (given.toLowerCase() === name && typeof value === 'string') return value
  }
  return undefined
}

function positive(ms: unknown): number | undefined {
  return typeof ms === 'number' && Number.isFinite(ms) && ms >= 0 ? ms : undefined
}
