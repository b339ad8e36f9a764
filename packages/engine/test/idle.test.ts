import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, defineTool } from '../src/index.ts'
import { aborted, deferred } from './support/deferred.ts'
import { engineOf, expectOneStory, runToEnd } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { alice, users } from './support/users.ts'

const empty = z.object({})

// origins: BRG-7 AIF-15 TRK-2 UCM-1
test('a run that tells nothing for too long ends with IDLE_DEADLINE, also where its tool ignores that', async () => {
  const gate = deferred<null>()
  const ignores = defineTool({
    name: 'ignores',
    input: empty,
    output: z.null(),
    run: () => gate.promise,
  })
  const part = defineAgent({
    name: 'part',
    input: empty,
    output: z.null(),
    run: (_, execution) => execution.call(ignores, {}),
  })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: (_, execution) => execution.delegate(part, {}),
  })
  const engine = engineOf([agent], { limits: { idleMs: 400, abortGraceMs: 40 } })
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    const ends = events.slice(-3)
    expect(ends.map(({ type }) => type)).toEqual([
      'tool_completed',
      'subagent_completed',
      'agent_error',
    ])
    for (const { data } of ends) {
      expect(data).toMatchObject({
        error: {
          code: 'IDLE_DEADLINE',
          message: 'The run told nothing for 400 ms and was given up.',
        },
      })
    }
  })
  expect(engine.health().orphans).toBe(1)
  gate.resolve(null)
  await expectNothingLeft(engine)
})

test('a run that goes on telling is not idle, however long it takes', async () => {
  const tells = defineAgent({
    name: 'tells',
    input: z.object({ how: z.enum(['think', 'text', 'progress']) }),
    output: z.null(),
    limits: { idleMs: 1_000 },
    run: async ({ how }, agent) => {
      const since = performance.now()
      while (performance.now() - since < 1_500) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        if (how === 'progress') agent.progress(0.5)
        else await agent[how]('still there')
      }
      return null
    },
  })
  const engine = engineOf([tells], { limits: { idleMs: 10 } })
  await users.run(alice, async () => {
    const stories = await Promise.all(
      ['think', 'text', 'progress'].map((how) => runToEnd(engine, 'tells', { how })),
    )
    for (const events of stories) expect(events.at(-1)?.type).toBe('agent_completed')
  })
  await expectNothingLeft(engine)
})

test('a run that waits for its turn is not idle', async () => {
  const gate = deferred()
  const waits = defineAgent({
    name: 'waits',
    input: empty,
    output: z.null(),
    limits: { idleMs: 5_000 },
    run: async (_, { signal }) => {
      await Promise.race([gate.promise, aborted(signal)])
      return null
    },
  })
  const quick = defineAgent({
    name: 'quick',
    input: empty,
    output: z.null(),
    limits: { idleMs: 600 },
    run: () => null,
  })
  const engine = engineOf([waits, quick], { limits: { ownerConcurrency: 1 } })
  await users.run(alice, async () => {
    await engine.start('waits', {})
    const second = await engine.start('quick', {})
    await new Promise((resolve) => setTimeout(resolve, 900))
    gate.resolve()
    await expect(second.result).resolves.toBeNull()
  })
  await expectNothingLeft(engine)
})
