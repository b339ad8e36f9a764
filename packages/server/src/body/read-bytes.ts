import { Problem } from '../problems/problem.ts'

/**
 * The bytes of a body, never more than `limit` of them in memory. A body that says its length is refused
 * before it is read. Failing to read means that the client has left.
 */
export async function readBytes(request: Request, limit: number): Promise<Uint8Array> {
  const length = request.headers.get('content-length')
  const declared = length === null ? undefined : Number(length)
  if (declared !== undefined && !(declared <= limit)) throw tooLarge(limit)
  // A declared length is what the connection's framing allows, and reading it whole is the adapters' fast path.
  if (declared !== undefined) return readWhole(request, limit)
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = request.body?.getReader()
  if (reader === undefined) return new Uint8Array()
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new Problem('client_closed_request')
    })
    if (done) return concatenate(chunks, size)
    size += value.length
    if (size > limit) {
      void reader.cancel().catch(() => undefined)
      throw tooLarge(limit)
    }
    chunks.push(value)
  }
}

async function readWhole(request: Request, limit: number): Promise<Uint8Array> {
  const bytes = await request.arrayBuffer().catch(() => {
    throw new Problem('client_closed_request')
  })
  if (bytes.byteLength > limit) throw tooLarge(limit)
  return new Uint8Array(bytes)
}

function concatenate(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const [first] = chunks
  if (chunks.length === 1 && first !== undefined) return first
  const whole = new Uint8Array(size)
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.length
  }
  return whole
}

function tooLarge(limit: number): Problem {
  return new Problem('body_too_large', { detail: `A body may have ${limit} bytes.` })
}
