import { describe, expect, test } from 'vitest'
import type { Fault } from './support/shared-parts.ts'
import { torture } from './support/torture.ts'

const seed = Number(process.env['RINGFENCE_TEST_SEED'] ?? Date.now() % 1_000_000)
const userCount = 60
const runsEach = 5

// origins: S-5
test(
  `60 users at once, each seeing only their own (RINGFENCE_TEST_SEED=${seed})`,
  { timeout: 60_000 },
  async () => {
    const report = await torture({ userCount, runsEach, seed })
    expect(report.foreign).toEqual([])
    expect(report.broken).toEqual([])
    expect(report.left).toEqual({})
    // Nothing proves anything unless a great deal happened.
    expect(report.events).toBeGreaterThan(userCount * runsEach * 5)
    expect(report.meetings).toBeGreaterThan(userCount * runsEach)
    expect(report.scopes).toBeGreaterThan(userCount * runsEach * 3)
    expect(report.logged).toBeGreaterThan(10)
    expect(report.refusedLate).toBeGreaterThan(5)
    expect([...report.types]).toEqual(
      expect.arrayContaining([
        'agent_completed',
        'agent_error',
        'agent_cancelled',
        'tool_completed',
        'queue_position',
        'agent_progress',
      ]),
    )
    // Whoever starts first ends last: nothing rests on the order of things.
    expect(report.ended).toHaveLength(userCount * runsEach)
    expect(report.ended.at(-1)).toBe(report.first)
  },
)

// origins: L26
describe.each<Fault>([
  'a tool that remembers its user',
  'a queue that does not bring its jobs home',
  'a cache that goes by name alone',
  'a loader for everybody',
  'a listener that is not bound',
  'a prompt that is added to by everybody',
  'threads that go by id alone',
  'one account for everybody',
])('%s', (fault) => {
  test(`is found out (RINGFENCE_TEST_SEED=${seed})`, { timeout: 60_000 }, async () => {
    const report = await torture({ userCount: 12, runsEach: 4, seed, fault })
    expect(report.foreign.length).toBeGreaterThan(0)
  })
})
