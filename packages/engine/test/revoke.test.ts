import { expect, test } from 'vitest'
import * as z from 'zod'
import { revoke } from '@ringfence/context'
import { defineAgent, defineTool } from '../src/index.ts'
import { aborted, deferred, nextTurn } from './support/deferred.ts'
import { engineOf, expectOneStory, storyOf, typesOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { alice, bob, users } from './support/users.ts'

const empty = z.object({})

test('an owner who is revoked has no run left: what waited and what ran has its end, others go on', async () => {
  const started = deferred()
  const waits = defineTool({
    name: 'waits',
    input: empty,
    output: z.null(),
    run: async (_, { signal }) => {
      started.resolve()
      await aborted(signal)
      return null
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: (_, execution) => execution.call(waits, {}),
  })
  const gate = deferred<null>()
  const other = defineAgent({
    name: 'other',
    input: empty,
    output: z.null(),
    run: () => gate.promise,
  })
  const engine = engineOf([agent, other], { limits: { ownerConcurrency: 1 } })
  const [running, waiting] = await users.run(alice, async () => [
    await engine.start('agent', {}),
    await engine.start('agent', {}),
  ])
  const his = await users.run(bob, () => engine.start('other', {}))
  await started.promise
  expect(revoke(alice)).toBe(2)
  await expect(running?.result).rejects.toMatchObject({ code: 'REVOKED' })
  await expect(waiting?.result).rejects.toMatchObject({ code: 'REVOKED' })
  gate.resolve(null)
  await expect(his.result).resolves.toBeNull()
  await users.run(alice, async () => {
    const ended = await storyOf(engine, running?.runId ?? '')
    expectOneStory(ended)
    expect(typesOf(ended)).toEqual([
      'agent_started',
      'tool_executing',
      'tool_completed',
      'agent_error',
    ])
    const error = { code: 'REVOKED', message: 'The run was ended because its user was revoked.' }
    for (const event of ended.slice(2)) expect(event.data).toMatchObject({ error })
    expect(await storyOf(engine, waiting?.runId ?? '')).toMatchObject([
      { seq: 0, type: 'agent_error', data: { error } },
    ])
    expect((await engine.runs()).runs.map(({ status }) => status)).toEqual(['failed', 'failed'])
  })
  await nextTurn()
  await engine.close()
  await expectNothingLeft(engine)
})
