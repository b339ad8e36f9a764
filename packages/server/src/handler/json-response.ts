import type { Exchange } from './exchange.ts'

const privateJson = {
  'content-type': 'application/json',
  'cache-control': 'private, no-store',
  vary: 'authorization',
  'x-content-type-options': 'nosniff',
}

/** An answer for one user's eyes: no shared cache may keep it. */
export function jsonResponse(
  { fields }: Pick<Exchange, 'fields'>,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...fields, ...privateJson, ...headers },
  })
}
