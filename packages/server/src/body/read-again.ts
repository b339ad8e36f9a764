import type { HonoRequest } from 'hono'
import { Problem } from '../problems/problem.ts'
import { tooLarge, type ReadingLimits } from './read-bytes.ts'

/** Whether something that stands before us has read the body already: a host's log or its check of a signature, say. */
export function wasRead(request: HonoRequest): boolean {
  return request.raw.bodyUsed || Object.keys(request.bodyCache).length > 0
}

/**
 * The bytes of a body that was read through Hono, which keeps them. Throws TypeError for one that was read past it: what is
 * wrong then is the host, not the request.
 */
export async function readAgain(
  request: HonoRequest,
  { limit, hold }: Pick<ReadingLimits, 'limit' | 'hold'>,
): Promise<Uint8Array> {
  if (Object.keys(request.bodyCache).length === 0) {
    throw new TypeError(
      'The body was read before it came to Ringfence, from the Request itself. Read it with c.req.text() or c.req.json(), or from a clone.',
    )
  }
  // What it keeps may be a failure to read it as JSON.
  const bytes = await request.arrayBuffer().catch(() => {
    throw new Problem('malformed_json')
  })
  if (bytes.byteLength > limit) throw tooLarge(limit)
  hold.take(bytes.byteLength)
  return new Uint8Array(bytes)
}
