import { expect } from 'vitest'
import { isTerminal, type DurableEvent } from '../../src/index.ts'

/** What was told of one run, to a reader who came back again and again. */
export interface Told {
  readonly userId: string
  readonly events: readonly DurableEvent[]
  readonly reconnects: number
}

/** How many runs of the agent `count` there were, and how far each counts. */
export interface Counted {
  readonly people: number
  readonly runsEach: number
  readonly numbers: number
}

/** Every run has ended, told in order, once, by the newest attempt alone, and to its user alone. */
export function expectWhole(told: readonly Told[], { people, runsEach, numbers }: Counted): void {
  expect(told).toHaveLength(people * runsEach)
  for (const { userId, events, reconnects } of told) {
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index))
    expect(events.filter(isTerminal)).toHaveLength(1)
    expect(events.at(-1)).toMatchObject({
      type: 'agent_completed',
      data: { result: { user: userId, said: numbers } },
    })
    const last = events.findLastIndex(({ type }) => type === 'attempt_restarted')
    const said = events.slice(last + 1).filter((event) => event.type === 'agent_text')
    expect(said.map(({ data }) => data.delta)).toEqual(
      Array.from({ length: numbers }, (_, number) => `canary-of-${userId}- ${number} of ${userId}`),
    )
    for (const event of events) {
      expect(event.userId).toBe(userId)
      const canaries = JSON.stringify(event).match(/canary-of-user-\d+-/gu) ?? []
      expect(canaries.filter((canary) => canary !== `canary-of-${userId}-`)).toEqual([])
    }
    expect(reconnects).toBeGreaterThan(0)
  }
}

/** How many of them were begun more than once. */
export function restarted(told: readonly Told[]): number {
  return told.filter(({ events }) => events.some(({ type }) => type === 'attempt_restarted')).length
}
