import { isThenable } from '../internal/is-thenable.ts'
import { runtime } from '../internal/runtime.ts'
import type { ScopeState } from '../internal/scope-state.ts'

/**
 * Runs the cleanups last in, first out, in the scope's own frame. They get a fresh signal, because the
 * scope's may long be aborted, and a budget that they share. One that fails does not stop the next; one that
 * overruns the budget is reported, and the rest are still started.
 */
export async function runCleanups(
  state: ScopeState,
  onError: (error: unknown) => void,
  onOverrun: (label: string, ended: Promise<void>) => void,
): Promise<void> {
  const { cleanups } = state
  if (cleanups === undefined) return
  const controller = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const spent = new Promise<'spent'>((resolve) => {
    timer = setTimeout(() => {
      controller.abort(new DOMException('The cleanup budget is spent', 'TimeoutError'))
      resolve('spent')
    }, state.cleanupBudgetMs)
  })
  const frame = { cell: state.cell, work: 'cleanup' }
  for (let cleanup = cleanups.pop(); cleanup !== undefined; cleanup = cleanups.pop()) {
    const run = cleanup
    try {
      const result: unknown = runtime().storage.run(frame, () => run(controller.signal))
      if (!isThenable(result)) continue
      const ended = Promise.resolve(result).then(() => undefined)
      const first = await Promise.race([ended, spent])
      if (first === 'spent')
        onOverrun(
          'cleanup',
          ended.catch(() => undefined),
        )
    } catch (error) {
      onError(error)
    }
  }
  clearTimeout(timer)
}
