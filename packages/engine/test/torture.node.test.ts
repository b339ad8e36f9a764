import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { countedTimers } from './support/counted-timers.ts'
import type { Fault } from './support/shared-parts.ts'
import { torture } from './support/torture.ts'

const seed = Number(process.env['RINGFENCE_TEST_SEED'] ?? Date.now() % 1_000_000)
const userCount = Number(process.env['RINGFENCE_TORTURE_USERS'] ?? 200)
const runsEach = 20

const counted = {
  timers: countedTimers(),
  listeners: (signal: AbortSignal) => getEventListeners(signal, 'abort').length,
}

test(
  `${userCount} users with ${runsEach} runs each, and nothing is left of them (RINGFENCE_TEST_SEED=${seed})`,
  { timeout: 240_000 },
  async () => {
    const report = await torture({ userCount, runsEach, seed, concurrency: 64, counted })
    expect(report.foreign).toEqual([])
    expect(report.broken).toEqual([])
    expect(report.left).toEqual({})
    expect(report.ended).toHaveLength(userCount * runsEach)
    expect(report.ended.at(-1)).toBe(report.first)
    expect(report.events).toBeGreaterThan(userCount * runsEach * 5)
    expect(report.meetings).toBeGreaterThan(userCount * runsEach * 3)
    expect(report.refusedLate).toBeGreaterThan(100)
    expect(report.logged).toBeGreaterThan(100)
    for (const end of ['agent_completed', 'agent_error', 'agent_cancelled']) {
      expect(report.types).toContain(end)
    }
  },
)

// Those of test/isolation.test.ts are found on every runtime.
test.each<[Fault, 'foreign' | 'broken' | 'left']>([
  ['a pool whose connections keep their user', 'foreign'],
  ['a log that repeats what it said before', 'foreign'],
  ['runs that go by id alone', 'broken'],
  ['an event that is told twice', 'broken'],
  ['a timer that nobody stops', 'left'],
  ['a listener that nobody takes away', 'left'],
  ['a scope that nobody ends', 'left'],
])(`%s is found out (RINGFENCE_TEST_SEED=${seed})`, { timeout: 60_000 }, async (fault, where) => {
  const report = await torture({ userCount: 8, runsEach: 2, seed, fault, counted })
  const found = { foreign: report.foreign, broken: report.broken, left: Object.keys(report.left) }
  expect(found[where].length).toBeGreaterThan(0)
  // And for nothing else.
  expect(found).toMatchObject({ foreign: [], broken: [], left: [], [where]: expect.any(Array) })
})
