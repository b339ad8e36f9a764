import { canonicalOwner, currentScope } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import { canonicalHash } from '../internal/canonical-json.ts'
import type { EngineStore } from '../store/engine-store.ts'
import type { RunHandle } from '../runs/run-handle.ts'
import { runOutcome } from './run-outcome.ts'

export interface StartOnceOptions {
  readonly store: EngineStore
  /** Milliseconds that a key is kept. */
  readonly keyMs: number
  readonly now: () => number
}

/** A start that may have been asked for before. */
export interface KeyedStart {
  readonly agent: string
  readonly key: string
  /** What is to be started, as it was given. */
  readonly input: unknown
  readonly threadId: string | undefined
  /** The id that the run will have. */
  readonly runId: string
  readonly open: () => Promise<RunHandle>
}

interface Announced {
  settleWith(handle: RunHandle): RunHandle
  giveUp(): void
}

// Far more than a start takes; far less than a client keeps trying.
const leaseMs = 60_000

/**
 * Lets a key start one run, however often it is used, by whichever of several processes. Whose key it is comes
 * from the scope: somebody else's key of the same name is another one (I8).
 */
export class StartOnce {
  readonly #options: StartOnceOptions
  /** Runs that are being started here, or go on, under their owner. */
  readonly #handles = new Map<string, Map<string, Promise<RunHandle>>>()

  constructor(options: StartOnceOptions) {
    this.#options = options
  }

  /**
   * Starts the run, or resolves with the one that the key has started. Rejects with `IDEMPOTENCY_CONFLICT` where
   * that was for something else, and with whatever the start itself rejects with; then the key is free again.
   */
  async start(start: KeyedStart): Promise<RunHandle> {
    const { store, keyMs, now } = this.#options
    const { agent, key, runId } = start
    checkKey(key)
    const inputHash = await hashOf(start)
    const owner = canonicalOwner(currentScope().owner)
    // Known before it is claimed: whoever sees the claim can wait for what becomes of it.
    const own = this.#announce(owner, runId)
    try {
      while (true) {
        const at = now()
        const record = await store.idempotency.claim({
          agent,
          key,
          inputHash,
          runId,
          now: at,
          leaseUntil: at + leaseMs,
          expiresAt: at + keyMs,
        })
        if (record.inputHash !== inputHash) throw conflict(key)
        if (record.runId === runId) return own.settleWith(await this.#open(start))
        const handle = this.#handles.get(owner)?.get(record.runId)
        const found =
          handle === undefined
            ? await this.#elsewhere(record.runId, record.confirmed, key)
            : await handle.then(repeated, () => undefined)
        // A start that came to nothing has given the key back: this one has its turn.
        if (found === undefined) continue
        own.giveUp()
        return found
      }
    } catch (error) {
      own.giveUp()
      throw error
    }
  }

  async #open({ agent, key, runId, open }: KeyedStart): Promise<RunHandle> {
    const { idempotency } = this.#options.store
    let opened: RunHandle
    try {
      opened = await open()
    } catch (error) {
      await idempotency.release(agent, key, runId).catch(() => undefined)
      throw error
    }
    // The run goes on whatever becomes of this; until the lease is over, its key finds it by its id.
    await idempotency.confirm(agent, key, runId, opened.runId).catch(() => undefined)
    return opened
  }

  /** A handle that is not there yet, for whoever uses the same key meanwhile. Forgotten when the run has ended. */
  #announce(owner: string, runId: string): Announced {
    const owned = this.#handles.get(owner) ?? new Map<string, Promise<RunHandle>>()
    this.#handles.set(owner, owned)
    const forget = (): void => {
      owned.delete(runId)
      if (owned.size === 0 && this.#handles.get(owner) === owned) this.#handles.delete(owner)
    }
    let resolve: (handle: RunHandle) => void = () => undefined
    let reject: (reason: unknown) => void = () => undefined
    const handle = new Promise<RunHandle>((fulfil, refuse) => {
      resolve = fulfil
      reject = refuse
    })
    handle.catch(() => undefined)
    owned.set(runId, handle)
    return {
      settleWith: (opened) => {
        resolve(opened)
        opened.result.then(forget, forget)
        return opened
      },
      giveUp: () => {
        forget()
        reject(new Error('The start came to nothing'))
      },
    }
  }

  /** It has ended, or another process executes it, or is just starting it. */
  async #elsewhere(runId: string, confirmed: boolean, key: string): Promise<RunHandle> {
    const { runs } = this.#options.store
    const known = await runs.get(runId)
    if (known === undefined && !confirmed) throw beingStarted(key)
    const result = runOutcome(runs, runId)
    result.catch(() => undefined)
    return Object.freeze({ runId, result, joined: false, repeated: true })
  }
}

function repeated(handle: RunHandle): RunHandle {
  return Object.freeze({ ...handle, repeated: true })
}

async function hashOf({ input, threadId }: KeyedStart): Promise<string> {
  try {
    return await canonicalHash({ input, threadId })
  } catch (cause) {
    throw new EngineError(
      'INVALID_INPUT',
      'With an idempotency key the input has to be plain data, so that it can be compared.',
      { cause },
    )
  }
}

const longestKey = 256

function checkKey(key: string): void {
  const given: unknown = key
  if (typeof given === 'string' && given.length > 0 && given.length <= longestKey) return
  throw new EngineError(
    'INVALID_INPUT',
    `An idempotency key is text of 1 to ${longestKey} characters.`,
  )
}

function conflict(key: string): EngineError {
  return new EngineError(
    'IDEMPOTENCY_CONFLICT',
    `The idempotency key "${key}" has started something else. Use a key for one request only.`,
  )
}

function beingStarted(key: string): EngineError {
  return new EngineError(
    'IDEMPOTENCY_CONFLICT',
    `The request with the idempotency key "${key}" is being started just now.`,
    { retryAfterMs: 1_000 },
  )
}
