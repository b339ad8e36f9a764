import { base64url } from 'jose'
import { startTimer } from '../internal/timer.ts'
import { EnvelopeError } from './envelope-error.ts'
import type { ReplayStore } from './replay-store.ts'

/**
 * Uses up a one-use envelope, or throws. Fails closed: a store that is missing, throws, answers with anything
 * but true or false, or does not answer in time, is a refusal.
 */
export function createReplayGuard(
  store: ReplayStore | undefined,
  timeoutMs: number,
): (key: string, expiresAt: number) => Promise<void> {
  return async (key, expiresAt) => {
    if (store === undefined) throw unavailable(new Error('The opener has no replay store'))
    let first: unknown
    try {
      const id = await digest(key)
      first = await inTime(async () => store.consume(id, expiresAt), timeoutMs)
    } catch (error) {
      throw unavailable(error)
    }
    if (first === true) return
    if (first !== false) {
      throw unavailable(new TypeError('The replay store answered neither true nor false'))
    }
    throw new EnvelopeError(
      'REPLAYED',
      'Cannot open the envelope: it is for one use, and was used. Seal a new one for each request.',
    )
  }
}

/** So that the store learns no user's name, and every id has one length. */
async function digest(key: string): Promise<string> {
  const hash = await globalThis.crypto.subtle.digest('SHA-256', new TextEncoder().encode(key))
  return base64url.encode(new Uint8Array(hash))
}

async function inTime<Result>(work: () => Promise<Result>, ms: number): Promise<Result> {
  let stop = (): void => undefined
  const late = new Promise<never>((_, reject) => {
    stop = startTimer(ms, () => reject(new Error(`The replay store gave no answer in ${ms} ms`)))
  })
  try {
    return await Promise.race([work(), late])
  } finally {
    stop()
  }
}

function unavailable(cause: unknown): EnvelopeError {
  return new EnvelopeError(
    'STORE_UNAVAILABLE',
    'Cannot open the envelope: the replay store could not say whether it was used, so it counts as used.',
    { cause },
  )
}
