import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, defineTool, type AgentExecution } from '../src/index.ts'
import { caught, contextError } from './support/caught.ts'
import { deferred } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { engineOf, expectOneStory, storyOf, typesOf } from './support/engine.ts'
import { alice, bob, users } from './support/users.ts'

// origins: TLD-1 EMT-6 L17 UEE-4
test('an execution works in its own run only: not for a stranger, not in another run of its owner, not outside', async () => {
  const shared = deferred<AgentExecution>()
  const done = deferred()
  const keeps = defineAgent({
    name: 'keeps',
    input: z.object({}),
    output: z.null(),
    run: async (_, agent) => {
      shared.resolve(agent)
      await done.promise
      return null
    },
  })
  let looked = 0
  const look = defineTool({
    name: 'look',
    input: z.object({}),
    output: z.number(),
    run: () => (looked += 1),
  })
  const uses = defineAgent({
    name: 'uses',
    input: z.object({}),
    output: z.array(z.string()),
    run: async () => {
      const foreign = await shared.promise
      const attempts = [
        () => foreign.think('x'),
        () => foreign.text('x'),
        () => foreign.custom('x', 1),
        () => foreign.delegate(echo, { text: 'x' }),
        () => foreign.progress(1),
        () => foreign.call(look, {}),
        () => foreign.usage({ inputTokens: 1_000 }),
        () => foreign.budget.reserve({ inputTokens: 1_000 }),
        () => foreign.approve({ action: 'x' }),
        () => foreign.thread?.append({ role: 'assistant', content: 'x' }),
        () => foreign.thread?.messages(),
      ]
      const codes: string[] = []
      for (const attempt of attempts) codes.push((await contextError(attempt)).code)
      return codes
    },
  })
  const engine = engineOf([keeps, uses])
  const kept = await users.run(alice, () => engine.start('keeps', {}, { threadId: 'a' }))
  for (const user of [bob, alice]) {
    await users.run(user, async () => {
      const { result } = await engine.start('uses', {})
      expect(await result).toEqual(Array.from({ length: 11 }, () => 'CROSS_OWNER'))
    })
  }
  const foreign = await shared.promise
  expect(await caught(() => foreign.think('x'))).toMatchObject({ code: 'SCOPE_LOST' })
  done.resolve()
  await kept.result
  await users.run(alice, async () => {
    const events = await storyOf(engine, kept.runId)
    expectOneStory(events)
    expect(typesOf(events)).toEqual(['agent_started', 'agent_completed'])
    expect((await engine.ledger.sums()).all).toMatchObject({ inputTokens: 0, toolCalls: 0 })
    expect(looked).toBe(0)
  })
})
