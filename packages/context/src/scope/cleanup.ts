import { isThenable } from '../internal/is-thenable.ts'
import { runtime, type Frame } from '../internal/runtime.ts'
import { partsOf, type Cleanup } from '../internal/scope-parts.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { CleanupBudget } from './cleanup-budget.ts'
import { reportOrphan } from './orphan.ts'

interface Cleaning {
  readonly state: ScopeState
  readonly cleanups: Set<Cleanup>
  /** Those that have not started. */
  readonly left: IterableIterator<Cleanup>
  readonly frame: Frame
  readonly budget: CleanupBudget
  readonly onError: (error: unknown) => void
}

/**
 * Runs the cleanups last in, first out, in the scope's own frame. They get a fresh signal, because the
 * scope's may long be aborted, and a budget that they share. One that fails does not stop the next; one that
 * overruns the budget is reported, and the rest are still started. Undefined where none was asynchronous.
 */
export function runCleanups(
  state: ScopeState,
  onError: (error: unknown) => void,
): Promise<void> | undefined {
  const cleanups = state.parts?.cleanups
  if (cleanups === undefined || cleanups.size === 0) return undefined
  const left = [...cleanups].toReversed().values()
  const frame: Frame = { cell: state.cell, work: 'cleanup', variables: state.frame.variables }
  const budget = new CleanupBudget(state.cleanupBudgetMs, frame)
  const cleaning: Cleaning = { state, cleanups, left, frame, budget, onError }
  const ended = runSynchronous(cleaning)
  return ended === undefined ? undefined : runRest(cleaning, ended)
}

/** Runs cleanups up to the first asynchronous one, and gives back how to wait for that. */
function runSynchronous(cleaning: Cleaning): Promise<void> | undefined {
  const { cleanups, left, frame, budget, onError } = cleaning
  const { storage } = runtime()
  for (const cleanup of left) {
    // One may be taken back while others run: a cleanup that clears a timer.
    if (!cleanups.delete(cleanup)) continue
    try {
      const ended = storage.run(frame, begin, cleanup, budget)
      if (ended !== undefined) return ended
    } catch (error) {
      onError(error)
    }
  }
  return undefined
}

async function runRest(cleaning: Cleaning, first: Promise<void>): Promise<void> {
  const { state, budget, onError } = cleaning
  for (let ended: typeof first | undefined = first; ended; ended = runSynchronous(cleaning)) {
    try {
      if ((await Promise.race([ended, budget.spent])) !== 'spent') continue
      reportOrphan(state, { label: 'cleanup', ended: ended.catch(nothing) })
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
function begin(cleanup: Cleanup, budget: CleanupBudget): Promise<void> | undefined {
  const result = callCleanup(cleanup, budget)
  return isThenable(result) ? Promise.resolve(result).then(nothing) : undefined
}

/** Calls a cleanup, with a signal if it takes one: on some runtimes that is dearer than the scope. */
export function callCleanup(cleanup: Cleanup, budget: Pick<CleanupBudget, 'signal'>): unknown {
  return Reflect.apply(cleanup, undefined, cleanup.length === 0 ? [] : [budget.signal])
}

const nothing = (): undefined => undefined
