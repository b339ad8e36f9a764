import { inspect } from '@ringfence/context'
import { expect } from 'vitest'
import type { UserExecutionEngine } from '../../src/index.ts'
import { until } from './deferred.ts'

/** Waits until nothing is left of what the engine ran: no run, no orphan, no scope. */
export async function expectNothingLeft(engine: UserExecutionEngine): Promise<void> {
  await until(() => {
    const { running, queued, orphans } = engine.health()
    return running + queued + orphans + inspect().openScopes + inspect().orphans === 0
  })
  expect(engine.health()).toMatchObject({ running: 0, queued: 0, orphans: 0 })
  expect(inspect()).toMatchObject({ openScopes: 0, orphans: 0 })
}
