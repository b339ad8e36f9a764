import { checkFunction } from '../internal/argument.ts'
import { bindCallback } from '../binding/bind-callback.ts'
import { currentScope } from '../scope/current-scope.ts'
import { perScope } from '../sharing/per-scope.ts'

/** The part of a DataLoader that is used here. */
export interface DataLoaderLike<Key, Value> {
  load(key: Key): PromiseLike<Value>
  loadMany(keys: readonly Key[]): PromiseLike<(Value | Error)[]>
  clear(key: Key): unknown
  clearAll(): unknown
  prime(key: Key, value: Value | Error): unknown
}

/** Loads the values of some keys at once, in the order of the keys. */
export type BatchLoad<Key, Value> = (keys: readonly Key[]) => PromiseLike<ArrayLike<Value | Error>>

/** A DataLoader that can be shared: it batches and remembers for each scope apart. */
export interface BoundDataLoader<Key, Value> {
  load(key: Key): Promise<Value>
  loadMany(keys: readonly Key[]): Promise<(Value | Error)[]>
  clear(key: Key): void
  clearAll(): void
  prime(key: Key, value: Value | Error): void
}

/**
 * Binds a DataLoader: a shared one loads the keys of all users in one batch, as whoever came first, and remembers
 * what it loaded for everybody. `create` makes a loader with the batch function that it is given; each scope
 * has one of its own, as DataLoader's documentation asks for, made on first use and gone with the scope.
 * So a batch holds the keys of one scope, and runs in it. A `cacheMap` must be made inside `create` too.
 *
 * The scope waits for what is being loaded. All methods throw `NO_SCOPE`, `SCOPE_CLOSED`, `SCOPE_CLOSING`; the
 * loading ones `SYNC_SCOPE`.
 *
 * @example
 * const profiles = bindDataLoader((batch) => new DataLoader(batch), loadProfiles)
 * await profiles.load('alice')
 */
export function bindDataLoader<Key, Value>(
  create: (batch: BatchLoad<Key, Value>) => DataLoaderLike<Key, Value>,
  batch: BatchLoad<Key, Value>,
  label: string = 'a load of DataLoader',
): BoundDataLoader<Key, Value> {
  checkFunction('bindDataLoader()', 'create', create)
  checkFunction('bindDataLoader()', 'batch', batch)
  const loader = perScope(
    // Bound, because DataLoader starts a batch whenever its schedule says so.
    () => create(bindCallback(async (keys: readonly Key[]) => batch(keys))),
    { label },
  )
  return Object.freeze({
    load: (key: Key) => currentScope().spawn(label, async () => loader().load(key)),
    loadMany: (keys: readonly Key[]) =>
      currentScope().spawn(label, async () => loader().loadMany(keys)),
    clear: (key: Key) => void loader().clear(key),
    clearAll: () => void loader().clearAll(),
    prime: (key: Key, value: Value | Error) => void loader().prime(key, value),
  })
}
