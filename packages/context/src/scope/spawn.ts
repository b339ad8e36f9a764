import { checkFunction, checkString } from '../internal/argument.ts'
import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { describe, scopeClosing, violation, nameScope } from '../internal/violation.ts'
import { signalOf } from './abort.ts'
import { addTask } from './pending.ts'
import { Task } from './task.ts'

/** Starts work that the scope joins before it closes. */
export function spawn<Result>(
  state: ScopeState,
  label: string,
  work: (signal: AbortSignal) => Result | PromiseLike<Result>,
): Promise<Result> {
  checkString('spawn()', 'label', label)
  checkFunction('spawn()', 'work', work)
  if (state.lifecycle === 'closing') throw scopeClosing(state, `spawn "${label}"`)
  refuseInSync(state, `spawn "${label}"`)
  const { storage } = runtime()
  const frame = { cell: state.cell, work: label, variables: storage.getStore()?.variables }
  const signal = signalOf(state)
  const task = new Task<Result>((resolve) => {
    resolve(storage.run(frame, async () => work(signal)))
  })
  addTask(state, label, task)
  return task
}

export function refuseInSync(state: ScopeState, attempt: string): void {
  if (!state.synchronous) return
  throw violation(
    'SYNC_SCOPE',
    `Cannot ${attempt}: ${nameScope(state.cell)} was opened by runSync() and ends with its callback. Use run().`,
    describe(state),
  )
}
