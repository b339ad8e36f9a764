import type { Owner } from '../ownership/owner.ts'
import { sameOwner } from '../ownership/owner.ts'
import { printed } from '../internal/printed.ts'
import { runtime, type Variables } from '../internal/runtime.ts'
import type { ScopeCell } from '../internal/scope-cell.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { checkFunction } from '../internal/argument.ts'
import {
  callerOf,
  crossOwner,
  nameScope,
  scopeClosed,
  scopeClosing,
  scopeId,
} from '../internal/violation.ts'
import type { ContextAdditions, UserContext } from '../user-context/user-context.ts'
import { abortScope, signalOf } from './abort.ts'
import { addAbortListener } from './abort-listeners.ts'
import { openChildOf } from './child.ts'
import { addCleanup } from './cleanup.ts'
import { detach } from './detach.ts'
import type { DetachOptions, Scope, ScopeOptions } from './scope.ts'
import { spawn } from './spawn.ts'

/**
 * The object that `run` hands to its callback: the cell, with a door before all that it leads to. Its fields are
 * private, so that no log shows whose it is; the accessors also let another copy of this package in.
 */
class ScopeHandle implements Scope, ScopeCell {
  readonly #sequence: number
  /** The state while the scope is open, and its label afterwards. */
  #target: ScopeState | string = ''

  constructor(sequence: number) {
    this.#sequence = sequence
  }

  get state(): ScopeState | undefined {
    const target = this.#target
    return typeof target === 'string' ? undefined : target
  }

  set state(state: ScopeState | undefined) {
    this.#target = state ?? this.label
  }

  get sequence(): number {
    return this.#sequence
  }

  get cell(): ScopeCell {
    return this
  }

  get work(): string | undefined {
    return undefined
  }

  get variables(): Variables | undefined {
    return undefined
  }

  get label(): string {
    const target = this.#target
    return typeof target === 'string' ? target : target.label
  }

  get id(): string {
    return scopeId(this)
  }

  get lifecycle(): 'open' | 'closing' | 'closed' {
    return this.state?.lifecycle ?? 'closed'
  }

  get owner(): Owner {
    return this.#enter('read the owner').owner
  }

  get context(): UserContext {
    return this.#enter('read the user context').context
  }

  get signal(): AbortSignal {
    return signalOf(this.#enter('read the signal'))
  }

  get aborted(): boolean {
    return this.#enter('read whether it is aborted').aborted
  }

  get reason(): unknown {
    return this.#enter('read the reason').reason
  }

  get deadline(): number | undefined {
    return this.#enter('read the deadline').deadline
  }

  defer(cleanup: (signal: AbortSignal) => unknown): void {
    const state = this.#enter('defer a cleanup')
    // What is called too early, as in defer(connection.release()), would be missed at the end.
    checkFunction('defer()', 'cleanup', cleanup)
    if (state.lifecycle === 'closing') throw scopeClosing(state, 'defer a cleanup')
    addCleanup(state, cleanup)
  }

  spawn<Result>(
    label: string,
    work: (signal: AbortSignal) => Result | PromiseLike<Result>,
  ): Promise<Result> {
    return spawn(this.#enter(`spawn "${label}"`), label, work)
  }

  child<Result>(
    additions: ContextAdditions,
    options: ScopeOptions,
    callback: (scope: Scope) => Result | PromiseLike<Result>,
  ): Promise<Result> {
    try {
      return openChildOf(this.#enter('open a child scope'), additions, options, callback)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  detach<Result>(
    label: string,
    options: DetachOptions,
    work: (scope: Scope) => Result | PromiseLike<Result>,
  ): Promise<Result> {
    return detach(this.#enter(`detach "${label}"`), label, options, work)
  }

  abort(reason: unknown): void {
    abortScope(this.#enterToAbort(), reason)
  }

  onAbort(listener: (reason: unknown) => void): () => void {
    const state = this.#enter('listen for its abort')
    checkFunction('onAbort()', 'listener', listener)
    return addAbortListener(state, listener)
  }

  /** Told to show accessors, a log would show all that they lead to. */
  [printed](): string {
    return `${nameScope(this)}, ${this.lifecycle}`
  }

  /**
   * The way to the state: through the cell (I5), and only for code that has an open scope of the same owner:
   * not from nowhere, not from work that outlived its own scope, not from another owner's (I1, I6).
   */
  #enter(attempt: string): ScopeState {
    const { state } = this
    if (state === undefined) throw scopeClosed(this, attempt)
    const caller = callerOf(runtime().storage.getStore(), this, attempt)
    if (caller !== state) refuseForeign(caller, state, attempt)
    return state
  }

  /** Ending is safe from anywhere but another owner's scope: a shutdown has no scope of its own. */
  #enterToAbort(): ScopeState {
    const attempt = 'abort a scope'
    const { state } = this
    if (state === undefined) throw scopeClosed(this, attempt)
    const caller = runtime().storage.getStore()?.cell?.state
    if (caller !== undefined && caller !== state) refuseForeign(caller, state, attempt)
    return state
  }
}

function refuseForeign(caller: ScopeState, state: ScopeState, attempt: string): void {
  if (sameOwner(caller.context, state.context)) return
  throw crossOwner(
    caller,
    `${attempt} of a scope`,
    'A scope object works for its own owner only; do not keep it where others can reach it.',
    state.cell,
  )
}

export function createScope(sequence: number): ScopeCell & Scope {
  return new ScopeHandle(sequence)
}
