import { inspect } from '@ringfence/context'
import { expect, test } from 'vitest'
import { everyRoute, mixedLoad } from '../support/mixed-load.ts'
import { waiting } from '../support/waiting.ts'

const seed = Number(process.env['RINGFENCE_TEST_SEED'] ?? Date.now() % 1_000_000)
// On the other runtimes of the matrix a part of it has to do.
const usual = process.env['RINGFENCE_EXPECT_RUNTIME'] === undefined ? 20_000 : 2_000
const requests = Number(process.env['RINGFENCE_LOAD_REQUESTS'] ?? usual)
const users = Number(process.env['RINGFENCE_LOAD_USERS'] ?? 50)

test(
  `threat 10: mixed requests of many users over JSON, SSE and WebSocket, and nothing of one in what another receives (RINGFENCE_TEST_SEED=${seed})`,
  async () => {
    const before = inspect().violations
    const report = await mixedLoad({ users, requests, seed })
    expect(report.foreign).toEqual([])
    expect(report.answered).toBeGreaterThanOrEqual(requests)
    expect(report.frames).toBeGreaterThan(requests / 10)
    expect([...everyRoute].filter((route) => !report.routes.has(route))).toEqual([])
    expect(report.statuses.get(500)).toBeUndefined()
    // Who is not let in receives nothing: a load of such would prove nothing.
    expect(report.statuses.get(401)).toBeUndefined()
    expect(answeredWell(report.statuses)).toBeGreaterThan(requests * 0.6)
    expect(inspect().violations).toEqual(before)
    await expect.poll(() => inspect().openScopes, waiting).toBe(0)
  },
  24 * 3_600_000,
)

test('threat 10: a leak that is planted is found by the same load', async () => {
  const report = await mixedLoad({ users: 10, requests: 300, seed, leaking: true })
  expect(report.foreign.length).toBeGreaterThan(0)
})

/** How many requests and frames got what they asked for. */
function answeredWell(statuses: ReadonlyMap<number, number>): number {
  return [...statuses].reduce((sum, [status, count]) => (status < 400 ? sum + count : sum), 0)
}
