import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent } from '../src/index.ts'
import { engineError } from './support/caught.ts'
import { deferred } from './support/deferred.ts'
import { echo } from './support/echo.ts'
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

test('an input that is too long to be copied is refused before it is', async () => {
  const any = defineAgent({ name: 'any', input: z.any(), output: z.null(), run: () => null })
  const engine = engineOf([any], { limits: { ownerInputCharacters: 1_000 } })
  const far: number[] = []
  far[4_000_000_000] = 1
  const endless = { texts: ['x'.repeat(600), 'x'.repeat(600)] }
  await users.run(alice, async () => {
    for (const input of [{ far }, endless]) {
      for (const options of [{}, { idempotencyKey: 'k' }]) {
        await expect(engine.start('any', input, options)).rejects.toMatchObject({
          code: 'INVALID_INPUT',
          issues: [{ message: 'too large' }],
        })
      }
    }
    await (
      await engine.start('any', endless.texts[0])
    ).result
  })
  await expectNothingLeft(engine)
})

test('an input that throws when it is read is refused as any other that does not fit, and its reason is the cause', async () => {
  const unreadable = new Error('revoked')
  const trap = (): never => {
    throw unreadable
  }
  const inputs = [
    new Proxy(
      {},
      { get: trap, ownKeys: trap, getOwnPropertyDescriptor: trap, getPrototypeOf: trap },
    ),
    Object.defineProperty({}, 'text', { get: trap, enumerable: true }),
  ]
  const loose = defineAgent({
    name: 'loose',
    input: z.unknown(),
    output: z.null(),
    run: () => null,
  })
  const strict = defineAgent({
    name: 'strict',
    input: z.object({ text: z.string() }),
    output: z.null(),
    run: () => null,
  })
  const engine = engineOf([loose, strict])
  await users.run(alice, async () => {
    for (const agent of ['loose', 'strict']) {
      for (const input of inputs) {
        for (const options of [{}, { idempotencyKey: 'key' }]) {
          const error = await engineError(() => engine.start(agent, input, options))
          expect(error).toMatchObject({ code: 'INVALID_INPUT', cause: unreadable })
          expect(error.message).toBe(`The input of agent "${agent}" cannot be read.`)
        }
      }
    }
    expect(await engine.runs()).toEqual({ runs: [] })
  })
  await expectNothingLeft(engine)
})

test('a page that is to begin after a run which is not there is refused, foreign and missing alike', async () => {
  const engine = engineOf([echo])
  const start = async (): Promise<string> => {
    const { runId, result } = await engine.start('echo', { text: 'hi' })
    await result
    return runId
  }
  const ofBob = await users.run(bob, start)
  await users.run(alice, async () => {
    const [older, newer] = [await start(), await start()]
    expect((await engine.runs({ before: newer })).runs).toMatchObject([{ runId: older }])
    for (const before of ['nope', ofBob, '']) {
      const error = await engineError(() => engine.runs({ before }))
      expect([error.code, error.message]).toEqual([
        'CURSOR_EVICTED',
        `There is no run "${before}" to go on from. Begin with the first page.`,
      ])
    }
  })
})
