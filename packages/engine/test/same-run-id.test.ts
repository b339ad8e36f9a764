import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, type AgentEvent } from '../src/index.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { engineOf, expectOneStory, storyOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { alice, bob, users } from './support/users.ts'

test("two owners' runs of the same id never meet: not in events, progress, queue, cancel or record", async () => {
  const gates = { alice: deferred(), bob: deferred() }
  const agent = defineAgent({
    name: 'agent',
    input: z.object({ user: z.enum(['alice', 'bob']) }),
    output: z.string(),
    run: async ({ user }, execution) => {
      await gates[user].promise
      execution.progress(0.5, `progress of ${user}`)
      await nextTurn()
      await execution.text(`text of ${user}`)
      return user
    },
  })
  const engine = engineOf([agent], { createRunId: () => 'same' })
  const stories = new Map<string, AgentEvent[]>()
  const asUser = (user: 'alice' | 'bob'): Promise<void> =>
    users.run({ userId: user }, async () => {
      await engine.start('agent', { user })
      stories.set(user, await storyOf(engine, 'same'))
    })
  const both = [asUser('alice'), asUser('bob')]
  await nextTurn()
  gates.bob.resolve()
  await both[1]
  await users.run(alice, async () => {
    expect(await engine.run('same')).toMatchObject({ status: 'running' })
  })
  gates.alice.resolve()
  await both[0]
  for (const [user, other] of [
    ['alice', 'bob'],
    ['bob', 'alice'],
  ] as const) {
    const events = stories.get(user) ?? []
    expectOneStory(events)
    expect(events.map(({ type }) => type)).toContain('agent_progress')
    expect(JSON.stringify(events)).toContain(`progress of ${user}`)
    expect(JSON.stringify(events)).not.toContain(other)
  }
  await users.run(bob, async () => {
    expect(await engine.cancel('same')).toMatchObject({ result: 'bob' })
  })
  await expectNothingLeft(engine)
})

test("cancelling one's own run leaves the other owner's run of the same id alone", async () => {
  const gate = deferred<string>()
  const waits = defineAgent({
    name: 'waits',
    input: z.object({}),
    output: z.string(),
    run: () => gate.promise,
  })
  const engine = engineOf([waits], { createRunId: () => 'same', limits: { abortGraceMs: 10 } })
  const hers = await users.run(alice, () => engine.start('waits', {}))
  const his = await users.run(bob, () => engine.start('waits', {}))
  await users.run(bob, () => engine.cancel('same'))
  await expect(his.result).rejects.toMatchObject({ code: 'CANCELLED' })
  gate.resolve('done')
  await expect(hers.result).resolves.toBe('done')
  await expectNothingLeft(engine)
})
