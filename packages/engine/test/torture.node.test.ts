import { inspect } from '@ringfence/context'
import { expect, test } from 'vitest'
import { until } from './support/deferred.ts'
import { torture } from './support/torture.ts'

const seed = Number(process.env['RINGFENCE_TEST_SEED'] ?? Date.now() % 1_000_000)
const userCount = Number(process.env['RINGFENCE_TORTURE_USERS'] ?? 200)
const runsEach = 20

const timers = (): number =>
  process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length

test(
  `${userCount} users with ${runsEach} runs each, and nothing is left of them (RINGFENCE_TEST_SEED=${seed})`,
  { timeout: 240_000 },
  async () => {
    const timersBefore = timers()
    const report = await torture({ userCount, runsEach, seed, concurrency: 64 })
    expect(report.foreign).toEqual([])
    expect(report.ended).toHaveLength(userCount * runsEach)
    expect(report.ended.at(-1)).toBe(report.first)
    expect(report.events).toBeGreaterThan(userCount * runsEach * 5)
    expect(report.meetings).toBeGreaterThan(userCount * runsEach * 3)
    expect(report.logged).toBeGreaterThan(100)
    for (const end of ['agent_completed', 'agent_error', 'agent_cancelled']) {
      expect(report.types).toContain(end)
    }
    expect(inspect().openScopes).toBe(0)
    // What the test's own delays left may still be running out.
    await until(() => timers() <= timersBefore)
    expect(timers()).toBeLessThanOrEqual(timersBefore)
  },
)
