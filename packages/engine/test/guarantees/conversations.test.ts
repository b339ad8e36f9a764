import { expect, test } from 'vitest'
import * as z from 'zod'
import { AgentError, defineAgent, isDurable, isTerminal, type AgentEvent } from '../../src/index.ts'
import { crowd, expectIsolated, seed } from '../support/crowd.ts'
import { collect, engineOf, expectOneStory, typesOf } from '../support/engine.ts'
import { engineError } from '../support/caught.ts'
import { meetingOf } from '../support/meeting.ts'
import { expectNothingLeft } from '../support/quiet.ts'
import { users } from '../support/users.ts'

const input = z.object({ text: z.string(), userId: z.string().optional() })

const chat = defineAgent({
  name: 'chat',
  input,
  output: z.object({ answer: z.string() }),
  run: async ({ text }, agent) => {
    await agent.think(`thinking of ${text}`)
    for (const word of text.split(' ')) await agent.text(word)
    if (text.includes('fail')) throw new AgentError('NO_ANSWER', `none for ${text}`)
    return { answer: `${users.current().userId}: ${text}` }
  },
})

// origins: G4 G13
test(`fifty users talk in two threads at once: each event is whole, and theirs (RINGFENCE_TEST_SEED=${seed})`, async () => {
  const count = 50
  const engine = engineOf([chat])
  const events: AgentEvent[] = []
  const report = await crowd({
    count,
    seed,
    visit: async ({ canary, userId, giveWay }) => {
      const talk = async (threadId: string): Promise<unknown> => {
        const text = `${canary} in ${threadId}`
        const { runId, result } = await engine.start('chat', { text }, { threadId })
        await giveWay()
        const story = await collect(await engine.events(runId))
        expectOneStory(story)
        for (const event of story) expect(event).toMatchObject({ userId, threadId, runId })
        events.push(...story.filter(isDurable))
        expect(await result).toEqual({ answer: `${userId}: ${text}` })
        return story
      }
      const stories = await Promise.all([talk(`${userId}-a`), talk(`${userId}-b`)])
      const { runs } = await engine.runs()
      expect(runs.map(({ threadId }) => threadId ?? '').toSorted()).toEqual([
        `${userId}-a`,
        `${userId}-b`,
      ])
      return [stories, runs]
    },
  })
  expectIsolated(report, count)
  // Started, a thought, three words, the end: everybody the same.
  expect(events).toHaveLength(count * 2 * 6)
  await expectNothingLeft(engine)
})

// origins: G6 G14
test("failures are somebody's too: each is counted, and whoever did not fail is not touched", async () => {
  const count = 30
  const engine = engineOf([chat])
  const outcomes = new Map<string, string>()
  const report = await crowd({
    count,
    seed,
    visit: async ({ canary, index, userId, giveWay }) => {
      const text = index % 3 === 0 ? `${canary} fail` : canary
      const { runId, result } = await engine.start('chat', { text })
      await giveWay()
      const outcome = await result.then(
        () => 'completed',
        () => 'failed',
      )
      outcomes.set(userId, outcome)
      const record = await engine.run(runId)
      expect(record.status).toBe(outcome)
      return [await collect(await engine.events(runId)), record]
    },
  })
  expectIsolated(report, count)
  expect(outcomes.size).toBe(count)
  expect([...outcomes.values()].filter((outcome) => outcome === 'failed')).toHaveLength(10)
  expect(outcomes.get('user-0')).toBe('failed')
  expect(outcomes.get('user-1')).toBe('completed')
})

// origins: G5 L14 L18
test('a user id in an input names nobody, and an id of a run reaches nothing of another', async () => {
  const count = 20
  const engine = engineOf([chat])
  const known: string[] = []
  const everybodyIsThere = meetingOf(count)
  let refused = 0
  const report = await crowd({
    count,
    seed,
    visit: async ({ canary, index, userId, giveWay }) => {
      const spoofed = `user-${(index + 1) % count}`
      const { runId, result } = await engine.start('chat', { text: canary, userId: spoofed })
      expect(await result).toEqual({ answer: `${userId}: ${canary}` })
      known.push(runId)
      await giveWay()
      await everybodyIsThere()
      for (const other of known) {
        if (other === runId) continue
        for (const attempt of [
          () => engine.run(other),
          () => engine.events(other),
          () => engine.cancel(other),
        ]) {
          expect((await engineError(attempt)).code).toBe('RUN_NOT_FOUND')
          refused += 1
        }
      }
      return engine.run(runId)
    },
  })
  expectIsolated(report, count)
  expect(refused).toBe(count * (count - 1) * 3)
})

// origins: G14
test('one user with two runs at once: the runs do not mix either', async () => {
  const engine = engineOf([chat])
  await users.run({ userId: 'alice' }, async () => {
    const handles = await Promise.all(
      Array.from({ length: 4 }, (_, index) => engine.start('chat', { text: `mark-${index}` })),
    )
    for (const [index, { runId, result }] of handles.entries()) {
      expect(await result).toEqual({ answer: `alice: mark-${index}` })
      const story = await collect(await engine.events(runId))
      const marks = new Set(JSON.stringify(story).match(/mark-\d/g))
      expect([...marks]).toEqual([`mark-${index}`])
      expect(typesOf(story.filter(isTerminal))).toEqual(['agent_completed'])
    }
  })
})
