import type { Exchange } from './exchange.ts'

/** Done, and there is nothing to say about it. */
export function noContent({ fields }: Pick<Exchange, 'fields'>): Response {
  return new Response(null, {
    status: 204,
    headers: { 'cache-control': 'private, no-store', ...fields },
  })
}
