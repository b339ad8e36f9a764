import type { EngineParts } from './engine-parts.ts'
import { healthOf, type EngineHealth, type HealthProblem } from './engine-health.ts'

/** How an engine is doing, counted from its live parts. */
export function liveHealth({
  admission,
  lostEnds,
  orphans,
  shutdown,
  waitLimit,
}: EngineParts): EngineHealth {
  const { scheduler } = admission
  const { pool, quarantine } = orphans
  const found: readonly (readonly [HealthProblem, boolean])[] = [
    ['closed', shutdown.begun],
    ['scheduler_stuck', scheduler.stuck || waitLimit.overdue],
    ['queue_full', scheduler.full],
    ['orphans_full', pool.full],
    ['ends_unstored', lostEnds.size > 0],
  ]
  return healthOf(
    {
      accepting: !shutdown.begun,
      running: scheduler.running,
      queued: scheduler.waiting,
      orphans: pool.size,
      orphaned: pool.total,
      quarantinedTools: quarantine.size,
    },
    found.filter(([, is]) => is).map(([problem]) => problem),
  )
}
