import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent } from '../src/index.ts'
import { deferred } from './support/deferred.ts'
import { engineOf, runToEnd } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { alice, bob, users } from './support/users.ts'

test('two users who start with one object do not share it', async () => {
  const tagger = defineAgent({
    name: 'tagger',
    input: z.object({ tags: z.array(z.any()), nested: z.any() }),
    output: z.array(z.string()),
    run: ({ tags, nested }) => {
      tags.push(users.current().userId)
      nested.list.push(users.current().userId)
      return [...tags, ...nested.list]
    },
  })
  const engine = engineOf([tagger])
  const shared = { tags: [], nested: { list: [] } }
  const outcomes = []
  for (const user of [alice, bob]) {
    outcomes.push(await users.run(user, async () => (await engine.start('tagger', shared)).result))
  }
  expect(outcomes).toEqual([
    ['alice', 'alice'],
    ['bob', 'bob'],
  ])
  expect(shared).toEqual({ tags: [], nested: { list: [] } })
})

test('an input that is changed while it waits reaches the agent as it was checked', async () => {
  const gate = deferred()
  const agent = defineAgent({
    name: 'agent',
    input: z.object({ n: z.any() }),
    output: z.unknown(),
    run: async ({ n }) => {
      await gate.promise
      return n
    },
  })
  const engine = engineOf([agent], { limits: { concurrency: 1 } })
  await users.run(alice, async () => {
    const input = { n: { value: 1 } }
    await engine.start('agent', { n: 0 })
    const waiting = await engine.start('agent', input)
    input.n.value = 2
    gate.resolve()
    expect(await waiting.result).toEqual({ value: 1 })
  })
})

test('an instance of a class is handed on as it is, and a cycle is copied as one', async () => {
  class Rows {
    readonly count = 3
  }
  const agent = defineAgent({
    name: 'agent',
    input: z.any(),
    output: z.boolean(),
    run: (input) =>
      input.rows instanceof Rows && input.self === input && input.rows === input.again[0],
  })
  const engine = engineOf([agent])
  const rows = new Rows()
  const input: Record<string, unknown> = { rows, again: [rows] }
  input['self'] = input
  await users.run(alice, async () => {
    expect(await (await engine.start('agent', input)).result).toBe(true)
  })
})

// origins: UCM-1
test('what the inputs of waiting runs hold is bounded per owner and in all, and given back', async () => {
  const gate = deferred()
  const reader = defineAgent({
    name: 'reader',
    input: z.object({ log: z.string() }),
    output: z.number(),
    run: async ({ log }) => {
      await gate.promise
      return log.length
    },
  })
  const engine = engineOf([reader], {
    limits: { concurrency: 1, ownerInputCharacters: 2_500, inputCharacters: 4_000 },
  })
  const start = (): Promise<{ result: Promise<unknown> }> =>
    engine.start('reader', { log: 'x'.repeat(1_000) })
  const started: { result: Promise<unknown> }[] = []
  await users.run(alice, async () => {
    started.push(await start(), await start())
    await expect(start()).rejects.toMatchObject({ code: 'OWNER_QUEUE_FULL', retryAfterMs: 1_000 })
  })
  await users.run(bob, async () => {
    started.push(await start())
    await expect(start()).rejects.toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: 1_000 })
    await expect(engine.start('reader', { log: 'x'.repeat(3_000) })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    })
  })
  gate.resolve()
  expect(await Promise.all(started.map(({ result }) => result))).toEqual([1_000, 1_000, 1_000])
  await users.run(alice, async () => {
    expect(await (await start()).result).toBe(1_000)
    expect((await runToEnd(engine, 'reader', { log: 'x' })).at(-1)?.type).toBe('agent_completed')
  })
  await engine.close()
  await expectNothingLeft(engine)
})
