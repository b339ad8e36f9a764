import { Problem } from '../problems/problem.ts'
import type { BodyHold } from './body-budget.ts'

/** What bounds the reading of a body. */
export interface ReadingLimits {
  /** The largest body, in bytes. */
  readonly limit: number
  /** Where the bytes are accounted for. Whoever gave it releases it. */
  readonly hold: BodyHold
  /** Ends the reading. */
  readonly signal: AbortSignal
}

/** A body that says it is no larger is accounted for as a whole, before it is there. */
const smallBytes = 64 * 1024

/**
 * The bytes of a body, never more than `limit` of them in memory, and none that the hold does not allow. A body
 * that says its length is refused before it is read. Failing to read means that the client has left.
 */
export async function readBytes(request: Request, limits: ReadingLimits): Promise<Uint8Array> {
  const { limit, hold } = limits
  const length = request.headers.get('content-length')
  const declared = length === null ? undefined : Number(length)
  if (declared !== undefined && !(declared <= limit)) throw tooLarge(limit)
  if (declared === undefined || declared > smallBytes) return readChunks(request, limits)
  // A declared length is what the connection's framing allows, and reading it whole is the adapters' fast path.
  hold.take(declared)
  const bytes = await abortable(request.arrayBuffer(), limits.signal)
  if (bytes.byteLength > limit) throw tooLarge(limit)
  return new Uint8Array(bytes)
}

async function readChunks(
  request: Request,
  { limit, hold, signal }: ReadingLimits,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = request.body?.getReader()
  if (reader === undefined) return new Uint8Array()
  try {
    for (;;) {
      const { done, value } = await abortable(reader.read(), signal)
      if (done) return concatenate(chunks, size)
      size += value.length
      if (size > limit) throw tooLarge(limit)
      hold.take(value.length)
      chunks.push(value)
    }
  } catch (error) {
    void reader.cancel().catch(() => undefined)
    throw error
  }
}

/**
 * What is read, unless the signal comes first, whose reason it then is: not every runtime fails a body whose request was
 * aborted, and not whoever sends has to be who ended it.
 */
function abortable<Value>(reading: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const end = (): void => reject(signal.reason)
    if (signal.aborted) end()
    signal.addEventListener('abort', end, { once: true })
    void reading
      .then(resolve, () => reject(new Problem('client_closed_request')))
      .finally(() => signal.removeEventListener('abort', end))
  })
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

export function tooLarge(limit: number): Problem {
  return new Problem('body_too_large', { detail: `A body may have ${limit} bytes.` })
}
