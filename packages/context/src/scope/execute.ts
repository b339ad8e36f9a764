import { isThenable } from '../internal/is-thenable.ts'
import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import {
  close,
  closeNow,
  closesAtOnce,
  fence,
  remainingBudget,
  reportOrphan,
  type Outcome,
} from './close.ts'
import { abortScope } from './abort.ts'
import { addPending } from './pending.ts'
import type { Scope } from './scope.ts'

/** Runs the callback in an opened scope and closes the scope behind it, however it ends. */
export function execute<Result>(
  state: ScopeState,
  callback: (scope: Scope) => Result | PromiseLike<Result>,
): Promise<Result> {
  const { parent } = state
  if (parent === undefined) return settle(state, callback)
  let ended: () => void = () => undefined
  const leave = addPending(parent, {
    label: state.cell.label,
    ended: new Promise<void>((resolve) => {
      ended = resolve
    }),
    abort: (reason) => abortScope(state, reason),
    fence: () => fence(state),
  })
  const promise = settle(state, callback)
  const left = (): void => {
    leave()
    ended()
  }
  promise.then(left, left)
  return promise
}

function settle<Result>(
  state: ScopeState,
  callback: (scope: Scope) => Result | PromiseLike<Result>,
): Promise<Result> {
  // Aborted before it began: nothing of it runs.
  if (state.aborted) return end(state, { ok: false, error: state.reason })
  let result: Result | PromiseLike<Result>
  try {
    result = runtime().storage.run(state.frame, callback, state.scope)
  } catch (error) {
    return end(state, { ok: false, error })
  }
  if (!isThenable(result)) return end(state, { ok: true, value: result })
  const body = Promise.resolve(result)
  const canEndEarly = state.deadlineTimer !== undefined || state.forgetSignal !== undefined
  if (canEndEarly) return raceWithAbort(state, body)
  return body.then(
    (value) => end(state, { ok: true, value }),
    (error: unknown) => end(state, { ok: false, error }),
  )
}

/**
 * A scope with a deadline or a signal of its own ends without its callback, if the callback ignores both:
 * after the close budget it is fenced, and reported as an orphan.
 */
async function raceWithAbort<Value>(state: ScopeState, body: Promise<Value>): Promise<Value> {
  const outcome = await new Promise<Outcome<Value>>((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let given = false
    const give = (settled: Outcome<Value>): void => {
      if (given) return
      given = true
      clearTimeout(timer)
      state.onAbort = undefined
      resolve(settled)
    }
    const ended = body.then(
      (value) => give({ ok: true, value }),
      (error: unknown) => give({ ok: false, error }),
    )
    const limit = (): void => {
      timer ??= setTimeout(() => {
        if (given) return
        reportOrphan(state, { label: state.cell.label, ended })
        give({ ok: false, error: state.reason })
      }, remainingBudget(state))
    }
    state.onAbort = limit
    if (state.aborted) limit()
  })
  return end(state, outcome)
}

function end<Value>(state: ScopeState, outcome: Outcome<Value>): Promise<Value> {
  if (!closesAtOnce(state)) return close(state, outcome)
  try {
    return Promise.resolve(closeNow(state, outcome))
  } catch (error) {
    return Promise.reject(error)
  }
}
