import { expect } from 'vitest'
import { deferred } from './deferred.ts'
import { randomOf } from './random.ts'
import { users } from './users.ts'

/** One of many users who come at the same time. */
export interface Visitor {
  readonly index: number
  readonly userId: string
  /** A string that only this user has. */
  readonly canary: string
  /** Gives way to the others, for a random while. */
  readonly giveWay: () => Promise<void>
}

export interface CrowdOptions {
  readonly count: number
  readonly seed: number
  /** What a user does in their scope. All that they get to see is returned. */
  readonly visit: (visitor: Visitor) => Promise<unknown>
}

export interface CrowdReport {
  /** Who was shown whose canary. */
  readonly foreign: readonly string[]
  /** Users who were shown their own. Whoever saw nothing proves nothing. */
  readonly own: number
  /** What users ran into, by the code of the error. Nothing is skipped. */
  readonly failures: readonly unknown[]
  /** The users in the order in which their scopes ended. */
  readonly ended: readonly string[]
}

/** The seed of a test with random delays; it stands in the test's title. */
export const seed: number = Number(process.env['RINGFENCE_TEST_SEED'] ?? Date.now() % 1_000_000)

/**
 * Lets many users come at once, each in a scope of their own, with seeded random delays. The first scope ends
 * last: a global that is saved and restored would pass any other order.
 */
export async function crowd({ count, seed: given, visit }: CrowdOptions): Promise<CrowdReport> {
  const random = randomOf(given)
  const canaryOf = (index: number): string => `canary(${index})`
  const foreign: string[] = []
  const failures: unknown[] = []
  const ended: string[] = []
  const othersEnded = deferred()
  let own = 0

  async function giveWay(): Promise<void> {
    const turns = Math.floor(random() * 4)
    for (let turn = 0; turn < turns; turn += 1) {
      if (random() < 0.5) await Promise.resolve()
      else await new Promise((resolve) => setTimeout(resolve, random() * 3))
    }
  }

  async function come(index: number): Promise<void> {
    const userId = `user-${index}`
    await users.run({ userId }, async () => {
      if (index > 0) await giveWay()
      const visitor: Visitor = { index, userId, canary: canaryOf(index), giveWay }
      const seen = await visit(visitor).catch((error: unknown) => {
        failures.push(error)
        return undefined
      })
      const shown = [...(JSON.stringify(seen) ?? '').matchAll(/canary\((\d+)\)/g)].map(
        ([, shownIndex]) => Number(shownIndex),
      )
      if (shown.includes(index)) own += 1
      for (const other of new Set(shown)) {
        if (other !== index) foreign.push(`user-${index} was shown the canary of user-${other}`)
      }
      if (index === 0) await othersEnded.promise
      expect(users.current().userId).toBe(userId)
    })
    ended.push(userId)
    if (ended.length === count - 1) othersEnded.resolve()
  }

  await Promise.all(Array.from({ length: count }, (_, index) => come(index)))
  return { foreign, own, failures, ended }
}

/** What holds of a crowd where nobody meets anybody: everybody saw their own, nobody else's, nothing failed. */
export function expectIsolated(report: CrowdReport, count: number): void {
  expect(report.failures).toEqual([])
  expect(report.foreign).toEqual([])
  expect(report.own).toBe(count)
  expect(report.ended).toHaveLength(count)
  expect(report.ended.at(-1)).toBe('user-0')
}
