import { AsyncLocalStorage } from 'node:async_hooks'
import { openChannels, type Channels } from '../diagnostics/channels.ts'
import { ContextError, type ContextErrorCode } from '../errors.ts'
import { nativeThen } from './native-then.ts'
import type { Ownership } from './ownership-record.ts'
import { RootScopes } from './root-scopes.ts'
import type { ScopeCell } from './scope-cell.ts'
import type { ScopeState } from './scope-state.ts'

/** What each variable that is set here holds, under the variable itself. Never changed, only replaced. */
export type Variables = ReadonlyMap<object, unknown>

/** What is stored in AsyncLocalStorage: the cell, the name of the work that runs in it, and the variables. */
export interface Frame {
  readonly cell: ScopeCell | undefined
  readonly work: string | undefined
  /** Undefined where none is set. */
  readonly variables: Variables | undefined
}

export interface HeldCell {
  readonly cell: WeakRef<ScopeCell>
  /** Epoch milliseconds. */
  readonly closedAt: number
}

/** Something that was bound, by what errors call it. */
export interface Binding {
  readonly work: string
}

/** A cache that keeps values by canonical owner. */
export interface OwnerStore {
  forget(owner: string): void
}

/** A WeakRef, or what stands for one where the runtime has none. */
export interface WeakHold<Value> {
  deref(): Value | undefined
}

/** What all copies of this package in one process share. Reached through `globalThis`. */
export interface Runtime {
  readonly protocol: number
  readonly storage: AsyncLocalStorage<Frame>
  readonly ownerships: WeakMap<object, Ownership>
  readonly violations: Map<ContextErrorCode, number>
  /** Foreign storages that come home with every binding, and how many have adopted each. */
  readonly adopted: Map<AsyncLocalStorage<unknown>, number>
  readonly idPrefix: string
  /**
   * One prebuilt reason: a DOMException with a stack for every scope would cost more than the scope. Frozen,
   * because all users' signals share it.
   */
  readonly closedReason: DOMException
  readonly roots: RootScopes
  /** `then` of the promises that carry the context to their reactions; undefined where somebody replaced it. */
  readonly nativeThen: unknown
  /** Epoch milliseconds. */
  readonly claimedAt: number
  readonly channels: Channels | undefined
  /** Root scopes whose owner was revoked: nothing is detached from them any more. */
  readonly revoked: WeakSet<ScopeState>
  /** Where closed scopes were opened, if sites were captured. Beside the cells, which most often have none. */
  readonly closedSites: WeakMap<ScopeCell, string>
  /** What keeps values by owner, to be told who was revoked. */
  readonly ownerStores: Set<WeakHold<OwnerStore>>
  /** Cells of closed scopes, while somebody hunts for what still holds them. */
  heldCells: Set<HeldCell> | undefined
  /** What was bound in each scope, while somebody hunts. */
  bindings: WeakMap<ScopeCell, Set<WeakRef<Binding>>> | undefined
  /** Places whose warning was given. */
  readonly warnedPlaces: Set<string>
  sequence: number
  openScopes: number
  orphans: number
  sites: boolean
}

/** Raised only when what all copies share changes shape, so that two of them cannot misread each other. */
const protocol = 4
const runtimeKey = Symbol.for('ringfence.context')

// The only module-level state: a shortcut to what globalThis holds.
let claimed: Runtime | undefined

/** The process's runtime, claimed on first use and never at import (I12). Throws `VERSION_CONFLICT`. */
export function runtime(): Runtime {
  return (claimed ??= claim())
}

function claim(): Runtime {
  const existing: unknown = Reflect.get(globalThis, runtimeKey)
  if (existing === undefined) {
    const created: Runtime = {
      protocol,
      storage: new AsyncLocalStorage<Frame>(),
      ownerships: new WeakMap(),
      violations: new Map(),
      adopted: new Map(),
      idPrefix: globalThis.crypto.randomUUID().slice(0, 8),
      closedReason: Object.freeze(new DOMException('The scope has closed', 'AbortError')),
      roots: new RootScopes(),
      nativeThen: nativeThen(),
      claimedAt: Date.now(),
      channels: openChannels(),
      revoked: new WeakSet(),
      closedSites: new WeakMap(),
      ownerStores: new Set(),
      heldCells: undefined,
      bindings: undefined,
      warnedPlaces: new Set(),
      sequence: 0,
      openScopes: 0,
      orphans: 0,
      sites: isDevelopment(),
    }
    Object.defineProperty(globalThis, runtimeKey, { value: created })
    return created
  }
  if (isRuntime(existing)) return existing
  throw new ContextError(
    'VERSION_CONFLICT',
    'Two incompatible copies of @ringfence/context are loaded in this process, and they would not see ' +
      "each other's scopes. Deduplicate the dependency so that one version remains.",
  )
}

function isRuntime(value: unknown): value is Runtime {
  return (
    typeof value === 'object' &&
    value !== null &&
    'protocol' in value &&
    value.protocol === protocol
  )
}

function isDevelopment(): boolean {
  return typeof process === 'object' && process.env?.['NODE_ENV'] === 'development'
}
