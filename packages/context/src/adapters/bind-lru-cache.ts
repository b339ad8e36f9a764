import { bindCallback } from '../binding/bind-callback.ts'
import { checkFunction, checkOptions } from '../internal/argument.ts'
import { canonicalOwner } from '../ownership/owner.ts'
import { currentScope } from '../scope/current-scope.ts'
import { runOutside } from '../scope/run-outside.ts'
import { tellOfRevocations } from '../sharing/forget-owner.ts'
import { handOut, ownObject } from '../sharing/own-object.ts'
import { waitWith } from '../sharing/wait-with.ts'

/** What `fetchMethod` of lru-cache is called with, as far as it is used here. */
export interface LRUFetchOptions {
  readonly signal: AbortSignal
}

/** What the cache itself is made with. */
export type LRUFetch<Value> = (
  key: string,
  staleValue: Value | undefined,
  options: LRUFetchOptions,
) => Promise<Value | undefined>

/** The part of an LRUCache that is used here. Its keys begin with the owner. */
export interface LRUCacheLike<Value> {
  fetch(key: string): Promise<Value | undefined>
  get(key: string): Value | undefined
  set(key: string, value: Value): unknown
  has(key: string): boolean
  delete(key: string): boolean
  keys(): Iterable<string>
}

/** A cache in which every owner has keys of their own. Methods are those of lru-cache, for the current owner. */
export interface BoundLRUCache<Value> {
  /** The value of `key`, fetched where there is none. Two scopes of one owner share one fetch, two owners never. */
  fetch(key: string): Promise<Value | undefined>
  get(key: string): Value | undefined
  set(key: string, value: Value): void
  has(key: string): boolean
  delete(key: string): boolean
  /** Drops what the current owner has, and nobody else's. */
  clear(): void
}

/** How long a fetch may take, and what errors call it. */
export interface BindLRUCacheOptions {
  /** Milliseconds that one fetch may take. Default: 30,000. */
  readonly deadlineMs?: number
  /** Names the fetches in errors. Default: `a fetch of lru-cache`. No user data in it. */
  readonly label?: string
}

/**
 * Binds an LRUCache: a shared one gives a user the value that it fetched as another one. `create` makes the cache
 * with the fetch method that it is given; its keys begin with the canonical owner, taken from the scope (I8).
 *
 * `fetchMethod` runs in a root scope of the owner, detached from the one that happened to ask first: that one may
 * end while another still waits, or while a stale value is being replaced. What a value depends on besides its
 * owner (a role, a thread) belongs into the key. Values become the owner's (I6).
 *
 * Methods throw `NO_SCOPE`, `SCOPE_CLOSED`; `fetch` also `SCOPE_CLOSING`, `SYNC_SCOPE`.
 *
 * @example
 * const cache = bindLRUCache(
 *   (fetchMethod) => new LRUCache({ max: 1_000, ttl: 60_000, fetchMethod }),
 *   (key) => load(key),
 * )
 */
export function bindLRUCache<Value>(
  create: (fetchMethod: LRUFetch<Value>) => LRUCacheLike<Value>,
  fetchMethod: (
    key: string,
    staleValue: Value | undefined,
    options: LRUFetchOptions,
  ) => Value | undefined | PromiseLike<Value | undefined>,
  options: BindLRUCacheOptions = {},
): BoundLRUCache<Value> {
  checkFunction('bindLRUCache()', 'create', create)
  checkFunction('bindLRUCache()', 'fetchMethod', fetchMethod)
  checkOptions('bindLRUCache()', 'options', options, { deadlineMs: true, label: true })
  const { deadlineMs = 30_000, label = 'a fetch of lru-cache' } = options
  const attempt = `use "${label}"`
  const prefixNow = (): string => canonicalOwner(currentScope().owner)

  // Its own list of keys leaves out what is being fetched.
  const fetching = new Set<string>()

  // How to fetch as who asks now: lru-cache calls its fetch method before `fetch` returns.
  let fetchAsCaller: LRUFetch<Value> | undefined

  async function fetchAsOwner(
    key: string,
    staleValue: Value | undefined,
    { signal }: LRUFetchOptions,
  ): Promise<Value | undefined> {
    const scope = currentScope()
    const ownKey = key.slice(canonicalOwner(scope.owner).length)
    fetching.add(key)
    try {
      return await scope.detach(label, { deadlineMs, signal }, async (own) =>
        ownObject(await fetchMethod(ownKey, staleValue, { signal: own.signal })),
      )
    } finally {
      fetching.delete(key)
    }
  }

  const cache = runOutside(() =>
    create(async (...parameters) => (fetchAsCaller ?? fetchAsOwner)(...parameters)),
  )

  /** The cache runs in no scope: what has to make room is another user's, and goes to the cache's own `dispose`. */
  function fetchOutside(key: string): Promise<Value | undefined> {
    fetchAsCaller = bindCallback(fetchAsOwner)
    try {
      return runOutside(() => cache.fetch(key))
    } finally {
      fetchAsCaller = undefined
    }
  }

  function forget(owner: string): void {
    runOutside(() => {
      for (const key of [...cache.keys(), ...fetching]) if (key.startsWith(owner)) cache.delete(key)
    })
  }
  // Not at once: making a cache at start-up does nothing but make it.
  const store = { forget }
  let told = false
  function tell(): void {
    if (!told) tellOfRevocations(store)
    told = true
  }

  return Object.freeze({
    fetch: (key: string) => {
      const full = prefixNow() + key
      tell()
      return currentScope().spawn(label, async (signal) => {
        signal.throwIfAborted()
        return handOut(await waitWith(signal, fetchOutside(full)), attempt)
      })
    },
    get(key: string): Value | undefined {
      const full = prefixNow() + key
      return handOut(
        runOutside(() => cache.get(full)),
        attempt,
      )
    },
    set(key: string, value: Value): void {
      tell()
      const full = prefixNow() + key
      const owned = ownObject(value)
      runOutside(() => cache.set(full, owned))
    },
    has(key: string): boolean {
      const full = prefixNow() + key
      return runOutside(() => cache.has(full))
    },
    delete(key: string): boolean {
      const full = prefixNow() + key
      return runOutside(() => cache.delete(full))
    },
    clear: () => forget(prefixNow()),
  })
}
