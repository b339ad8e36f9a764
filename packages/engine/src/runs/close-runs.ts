import { timerMs } from '../internal/timer-ms.ts'
import type { LiveRun } from './live-run.ts'
import type { LiveRuns } from './live-runs.ts'

/**
 * Ends all runs: those that wait at once, those that execute when the grace is over. Resolves when every one
 * of them has its terminal event.
 */
export async function closeRuns(runs: LiveRuns, graceMs: number): Promise<void> {
  const open = runs.all()
  for (const run of open) if (!run.started) run.cancel('shutdown')
  await withinGrace(open, graceMs)
  for (const run of runs.all()) run.cancel('shutdown')
  await allEnded(runs.all())
}

async function withinGrace(open: readonly LiveRun[], graceMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const grace = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timerMs(graceMs))
  })
  await Promise.race([allEnded(open), grace])
  clearTimeout(timer)
}

async function allEnded(runs: readonly LiveRun[]): Promise<void> {
  await Promise.all(runs.map((run) => run.ended))
}
