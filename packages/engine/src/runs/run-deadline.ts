import { EngineError } from '../errors/engine-error.ts'
import { timerMs } from '../internal/timer-ms.ts'
import type { LiveRun } from './live-run.ts'

/** Ends a run by a deadline that it came with: what it waited for elsewhere counts, too. */
export function endBy(run: LiveRun, deadline: number, now: () => number): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const look = (): void => {
    const left = deadline - now()
    if (left > 0) timer = setTimeout(look, timerMs(Math.ceil(left)))
    else run.interrupt(new EngineError('RUN_DEADLINE', 'The run took longer than it may in all.'))
  }
  look()
  run.onEnd(() => clearTimeout(timer))
}
