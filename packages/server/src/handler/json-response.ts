import type { Exchange } from './exchange.ts'
import { textResponse } from './text-response.ts'

const privateJson = {
  'content-type': 'application/json',
  'cache-control': 'private, no-store',
  vary: 'authorization',
  'x-content-type-options': 'nosniff',
}

/** An answer for one user's eyes: no shared cache may keep it. */
export function jsonResponse(
  exchange: Exchange,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const all = { ...exchange.fields, ...privateJson, ...headers }
  return textResponse(exchange, status, all, JSON.stringify(body))
}
