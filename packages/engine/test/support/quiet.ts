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

/** What the engine and the runtime hold, by name. */
export function leftOf(engine: UserExecutionEngine): Record<string, number> {
  const { running, queued, orphans } = engine.health()
  const { openScopes, orphans: unended } = inspect()
  return { running, queued, orphans, openScopes, unended }
}

/** Waits until nothing is left, for so long at most. Returns what is. */
export async function whatIsLeft(
  count: () => Record<string, number>,
  patienceMs: number,
): Promise<Record<string, number>> {
  const end = performance.now() + patienceMs
  const left = (): [string, number][] => Object.entries(count()).filter(([, many]) => many > 0)
  await until(() => left().length === 0 || performance.now() > end)
  return Object.fromEntries(left())
}
