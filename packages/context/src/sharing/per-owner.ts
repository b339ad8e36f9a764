import { ContextError } from '../errors.ts'
import {
  checkCount,
  checkFunction,
  checkOptionalFunction,
  checkOptions,
  checkPositiveDuration,
  checkString,
  type OptionNames,
} from '../internal/argument.ts'
import { callerNow, crossOwner } from '../internal/violation.ts'
import { canonicalOwner, sameOwner, type Owner } from '../ownership/owner.ts'
import { currentScope } from '../scope/current-scope.ts'
import { runOutside } from '../scope/run-outside.ts'
import type { Scope } from '../scope/scope.ts'
import type { Dispose } from './dispose.ts'
import { tellOfRevocations } from './forget-owner.ts'
import { OwnerEntries } from './owner-entries.ts'
import { handOut, ownObject } from './own-object.ts'
import { waitWith } from './wait-with.ts'

/** How much is kept, for how long, and how long making it may take. */
export interface PerOwnerOptions<Value = unknown> {
  /** How many values are kept in all; the least recently used go first. */
  readonly max: number
  /** How many values one owner may have, so that one cannot push out all others. Default: a tenth of `max`, at least 1. */
  readonly maxPerOwner?: number
  /** Milliseconds that a value is kept after it was made. `Infinity` says on purpose that it does not age. */
  readonly ttlMs: number
  /** Milliseconds that making a value may take. Default: 30,000. */
  readonly deadlineMs?: number
  /**
   * Lets go of a value that the cache keeps no longer: it was pushed out, replaced after its time, deleted, cleared, or
   * its owner was revoked. Called once for each value, in no scope. Who was handed the value before may still
   * use it. Default: values are left to the garbage collector.
   */
  readonly dispose?: Dispose<Value>
  /** Told of what `dispose` throws; nobody waits for it. Default: nobody is told. */
  readonly onDisposeError?: (error: unknown) => void
  /** Names the values in errors. Default: the name of the factory. No user data in it. */
  readonly label?: string
  /** Tells milliseconds; only differences count. Default: `performance.now`. */
  readonly now?: () => number
}

/** A cache in which no owner can meet another one. */
export interface OwnerCache<Value> {
  /**
   * The current owner's value for `key`, made if there is none. All who ask for it at once, of one owner,
   * wait for one making; a failure is told to all of them and not kept. Who waits stops waiting when their own
   * scope aborts; the making goes on for the others.
   *
   * Throws `NO_SCOPE` and `SCOPE_CLOSED`; where the value must be made or waited for also `SCOPE_CLOSING` and
   * `SYNC_SCOPE`. Rejects with what the factory threw, `DEADLINE_EXCEEDED`, and `CROSS_OWNER` when the factory
   * returned what is somebody else's.
   */
  get(key?: string): Promise<Value>
  /** Drops the current owner's value for `key`, also one in the making: who waits gets it, nobody after them. */
  delete(key?: string): void
  /**
   * Drops all that the current owner has. With `owner`, all that they have, from no scope: for revocation. In
   * another owner's scope that is `CROSS_OWNER`, in work that outlived its scope `SCOPE_CLOSED`. Says nothing of what there was.
   */
  clear(owner?: Owner): void
  /** How many values there are, of all owners together, those in the making included. */
  readonly size: number
}

interface Making<Value> {
  readonly promise: Promise<Value>
  /** What became of it; undefined while it is in the making. */
  made: { readonly value: Value; readonly expires: number } | undefined
}

/**
 * A bounded cache of what belongs to owners, not to scopes: profiles, permissions, tokens. Its index begins with
 * the owner, taken from the scope and never from an argument (I8).
 *
 * `factory` runs in a root scope of the owner, detached from the one that happened to ask first, with a copy of
 * that one's user context. So what a value depends on besides its owner (a role, a thread) belongs into the key.
 * The value becomes the owner's (I6): return a fresh one. What must be closed when its user leaves is for
 * `perScope`. `revoke(owner)` clears all that the owner has here, and ends what is in the making.
 *
 * There are no timers: what has expired is made anew when it is asked for.
 *
 * @example
 * const profiles = perOwner((key, scope) => loadProfile(scope.owner), { max: 10_000, ttlMs: 60_000 })
 * const profile = await profiles.get()
 */
export function perOwner<Value>(
  factory: (key: string, scope: Scope) => Value | PromiseLike<Value>,
  options: PerOwnerOptions<Value>,
): OwnerCache<Value> {
  checkArguments(factory, options)
  const { max, ttlMs, deadlineMs = 30_000, dispose, onDisposeError } = options
  const { maxPerOwner = Math.max(1, Math.floor(max / 10)) } = options
  const { label = factory.name === '' ? 'a value of an owner' : factory.name } = options
  const attempt = `use "${label}"`
  const now = options.now ?? (() => performance.now())
  const entries = new OwnerEntries<Making<Value>>(max, maxPerOwner, ({ made }) => {
    // What is still in the making is let go of when it is made.
    if (made !== undefined) letGo(made.value)
  })
  const store = { forget: (owner: string) => entries.removeOwner(owner) }
  let told = false

  function get(key: string = ''): Promise<Value> {
    checkString(`get() of "${label}"`, 'key', key)
    const scope = currentScope()
    const owner = canonicalOwner(scope.owner)
    const known = entries.get(owner, key)?.value
    if (known?.made !== undefined && now() < known.made.expires) {
      return handOutNow(known.made.value)
    }
    return scope.spawn(label, async (signal) => {
      signal.throwIfAborted()
      const pending = known?.made === undefined ? known?.promise : undefined
      const value = await waitWith(signal, pending ?? make(scope, owner, key))
      return handOut(value, attempt)
    })
  }

  function make(scope: Scope, owner: string, key: string): Promise<Value> {
    if (!told) tellOfRevocations(store)
    told = true
    const promise = scope.detach(label, { deadlineMs }, async (own) => {
      const value = await factory(key, own)
      try {
        return ownObject(value)
      } catch (error) {
        // Too late to be anybody's. Unless it is somebody else's.
        if (!ContextError.is(error) || error.code !== 'CROSS_OWNER') letGo(value)
        throw error
      }
    })
    const making: Making<Value> = { promise, made: undefined }
    const entry = entries.add(owner, key, making)
    promise.then(
      (value) => {
        making.made = { value, expires: now() + ttlMs }
        if (!entries.has(entry)) letGo(value)
      },
      () => entries.remove(entry),
    )
    return promise
  }

  function letGo(value: Value): void {
    if (dispose === undefined) return
    runOutside(async () => dispose(value)).catch((error: unknown) => onDisposeError?.(error))
  }

  // Whatever went wrong before this door, another owner's object does not get through (I6).
  async function handOutNow(value: Value): Promise<Value> {
    return handOut(value, attempt)
  }

  return Object.freeze({
    get,
    delete: (key: string = '') => entries.removeKey(canonicalOwner(currentScope().owner), key),
    clear(owner?: Owner): void {
      if (owner !== undefined) refuseOthers(owner, label)
      entries.removeOwner(canonicalOwner(owner ?? currentScope().owner))
    },
    get size() {
      return entries.size
    },
  })
}

function refuseOthers(owner: Owner, label: string): void {
  const caller = callerNow(`clear "${label}"`)
  if (caller === undefined || sameOwner(caller.owner, owner)) return
  throw crossOwner(
    caller,
    `clear "${label}" of another owner`,
    'Clear it from no scope, in the code that revokes the owner.',
  )
}

const names: OptionNames<PerOwnerOptions> = {
  max: true,
  maxPerOwner: true,
  ttlMs: true,
  deadlineMs: true,
  dispose: true,
  onDisposeError: true,
  label: true,
  now: true,
}

function checkArguments<Value>(factory: unknown, options: PerOwnerOptions<Value>): void {
  const call = 'perOwner()'
  checkFunction(call, 'factory', factory)
  checkOptions<PerOwnerOptions<Value>>(call, 'options', options, names)
  const { max, maxPerOwner, ttlMs, deadlineMs, dispose, onDisposeError, label, now } = options
  checkCount(call, 'max', max)
  if (maxPerOwner !== undefined) checkCount(call, 'maxPerOwner', maxPerOwner)
  checkPositiveDuration(call, 'ttlMs', ttlMs)
  if (deadlineMs !== undefined) checkPositiveDuration(call, 'deadlineMs', deadlineMs)
  checkOptionalFunction(call, 'dispose', dispose)
  checkOptionalFunction(call, 'onDisposeError', onDisposeError)
  if (label !== undefined) checkString(call, 'label', label)
  checkOptionalFunction(call, 'now', now)
}
