import { isThenable } from '../internal/is-thenable.ts'
import { runtime, type Frame } from '../internal/runtime.ts'
import { partsOf, type Cleanup } from '../internal/scope-parts.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { startTimer } from '../internal/timer.ts'
import { abortNow } from './abort.ts'
import { reportOrphan } from './orphan.ts'

/**
 * Runs the cleanups last in, first out, in the scope's own frame. They get a fresh signal, because the
 * scope's may long be aborted, and a budget that they share. One that fails does not stop the next; one that
 * overruns the budget is reported, and the rest are still started.
 */
export async function runCleanups(
  state: ScopeState,
  onError: (error: unknown) => void,
): Promise<void> {
  const cleanups = state.parts?.cleanups
  if (cleanups === undefined) return
  const { storage } = runtime()
  const frame: Frame = { cell: state.cell, work: 'cleanup', variables: state.frame.variables }
  const budget = startBudget(state.cleanupBudgetMs, frame)
  for (const cleanup of [...cleanups].toReversed()) {
    // One may be taken back while others run: a cleanup that clears a timer.
    if (!cleanups.delete(cleanup)) continue
    try {
      const ended = storage.run(frame, begin, cleanup, budget.signal)
      if (ended === undefined) continue
      const first = await Promise.race([ended, budget.spent])
      if (first === 'spent') {
        reportOrphan(state, { label: 'cleanup', ended: ended.catch(nothing) })
      }
    } catch (error) {
      onError(error)
    }
  }
  budget.stop()
}

/** Registers a cleanup. Returns how to take it back: what is over before its scope must not pile up in there. */
export function addCleanup(state: ScopeState, cleanup: Cleanup): () => void {
  const { cell } = state
  const cleanups = (partsOf(state).cleanups ??= new Set())
  // A set tells entries by what they are, and the same function may be deferred twice.
  const entry: Cleanup = cleanups.has(cleanup) ? (signal) => cleanup(signal) : cleanup
  cleanups.add(entry)
  return () => {
    cell.state?.parts?.cleanups?.delete(entry)
  }
}

// A cleanup may never end. So nothing that waits for its end is made where the state can be reached (I5).
function begin(cleanup: Cleanup, signal: AbortSignal): Promise<void> | undefined {
  const result = cleanup(signal)
  return isThenable(result) ? Promise.resolve(result).then(nothing) : undefined
}

const nothing = (): undefined => undefined

interface Budget {
  readonly signal: AbortSignal
  readonly spent: Promise<'spent'>
  readonly stop: () => void
}

function startBudget(ms: number, frame: Frame): Budget {
  const controller = new AbortController()
  let stop: () => void = nothing
  const spent = new Promise<'spent'>((resolve) => {
    stop = startTimer(ms, () => {
      const reason = new DOMException('The cleanup budget is spent', 'TimeoutError')
      runtime().storage.run(frame, abortNow, controller, reason)
      resolve('spent')
    })
  })
  return { signal: controller.signal, spent, stop }
}
