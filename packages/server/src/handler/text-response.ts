import type { Exchange } from './exchange.ts'

/** An answer that is all text. */
export function textResponse(
  { direct, method }: Pick<Exchange, 'direct' | 'method'>,
  status: number,
  headers: Readonly<Record<string, string>>,
  content: string,
): Response {
  // The answer to HEAD is made of another one's headers.
  return direct === undefined || method === 'HEAD'
    ? new Response(content, { status, headers })
    : direct.stand({ status, headers, content })
}
