import type { AsyncLocalStorage } from 'node:async_hooks'
import { admit as admitOwned, ownershipOf } from '../ownership/admit.ts'
import { sameOwner } from '../ownership/owner.ts'
import { warnOfModuleCapture } from '../diagnostics/module-capture.ts'
import { runtime, type Frame, type Runtime, type Variables } from './runtime.ts'
import type { ScopeCell } from './scope-cell.ts'
import type { ScopeState } from './scope-state.ts'
import { callerNow, crossOwner, scopeClosed, stateOf } from './violation.ts'

/** Where a callback came from, and the way back there (I7). */
export interface Home {
  readonly cell: ScopeCell
  /** What errors call the callback. */
  readonly work: string
  /** Runs the callback at home, whoever calls. Throws `SCOPE_CLOSED` once there is no home any more. */
  enter<Result>(attempt: string, callback: () => Result): Result
  /**
   * Throws `CROSS_OWNER` in an open scope of another owner; `SCOPE_CLOSED` once there is no home any more, and in work
   * that outlived its own scope: whose that was, nobody knows any more.
   */
  admit(attempt: string): void
  /** `enter` for what pulls values out: whoever is not admitted gets none. */
  pull<Result>(attempt: string, callback: () => Result): Result
}

type Foreign = readonly (readonly [AsyncLocalStorage<unknown>, unknown])[]

/**
 * Remembers the current scope, its variables, and what every adopted AsyncLocalStorage holds here. `work` is
 * what errors call the callback; `value` is what is bound, if it may be somebody's (I6). Throws `NO_SCOPE`,
 * `SCOPE_CLOSED`, and `CROSS_OWNER` for a value that is another owner's.
 */
export function takeHome(work: string, taking: string, value?: unknown): Home {
  const { storage, adopted, bindings, sites } = runtime()
  const here = storage.getStore()
  const { cell } = admitBound(value, stateOf(here, taking), taking)
  if (sites) warnOfModuleCapture(taking)
  // Foreign values may be a user's too. Hung on the state alone, they go when the cell is cut (I5).
  const foreign = adopted.size === 0 ? undefined : new WeakMap<ScopeState, Foreign>()
  if (foreign !== undefined && cell.state !== undefined) {
    foreign.set(
      cell.state,
      [...adopted.keys()].map((each) => [each, each.getStore()]),
    )
  }
  const home = new FrameAtHome(cell, work, here?.variables, foreign)
  if (bindings !== undefined) remember(bindings, home)
  return home
}

/** The way home and the frame that is stored there are one object: a server holds as many as it has connections. */
class FrameAtHome implements Home, Frame {
  readonly cell: ScopeCell
  readonly work: string
  readonly variables: Variables | undefined
  readonly #foreign: WeakMap<ScopeState, Foreign> | undefined

  constructor(
    cell: ScopeCell,
    work: string,
    variables: Variables | undefined,
    foreign: WeakMap<ScopeState, Foreign> | undefined,
  ) {
    this.cell = cell
    this.work = work
    this.variables = variables
    this.#foreign = foreign
  }

  enter<Result>(attempt: string, callback: () => Result): Result {
    const { state } = this.cell
    if (state === undefined) throw scopeClosed(this.cell, attempt, this.work)
    const { storage } = runtime()
    const entries = this.#foreign?.get(state)
    if (entries === undefined) return storage.run(this, callback)
    return storage.run(this, () => runWith(entries, callback))
  }

  admit(attempt: string): void {
    const { cell, work } = this
    const { state } = cell
    if (state === undefined) throw scopeClosed(cell, attempt, work)
    const caller = callerNow(attempt)
    if (caller !== undefined && !sameOwner(caller.context, state.context)) {
      const advice =
        'Pull in a scope of its owner; hand over values, not what they are pulled from.'
      throw crossOwner(caller, attempt, advice, cell)
    }
  }

  pull<Result>(attempt: string, callback: () => Result): Result {
    this.admit(attempt)
    return this.enter(attempt, callback)
  }
}

/** Lets a value be bound, unless it is another owner's. */
function admitBound(value: unknown, state: ScopeState, taking: string): ScopeState {
  const ownership = ownershipOf(value)
  if (ownership !== undefined) admitOwned(ownership, state, taking)
  return state
}

function remember(bindings: NonNullable<Runtime['bindings']>, home: Home): void {
  const known = bindings.get(home.cell) ?? new Set()
  bindings.set(home.cell, known.add(new WeakRef(home)))
}

function runWith<Result>(entries: Foreign, callback: () => Result): Result {
  return entries.reduceRight(
    (inner, [foreign, value]) =>
      () =>
        foreign.run(value, inner),
    callback,
  )()
}
