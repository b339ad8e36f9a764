import { expect, test } from 'vitest'
import * as z from 'zod'
import { inspect } from '@ringfence/context'
import { defineAgent, type StartOptions } from '../src/index.ts'
import { caught, contextError, engineError } from './support/caught.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { engineOf, runToEnd, storyOf, typesOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

const empty = z.object({})
const gate = deferred<null>()
const waits = defineAgent({
  name: 'waits',
  input: empty,
  output: z.null(),
  run: () => gate.promise,
})

// origins: PRE-1 UEC-2 AIF-6
test('an input that does not fit is refused with its paths, and no run is made', async () => {
  const strict = defineAgent({
    name: 'strict',
    input: z.object({ files: z.array(z.object({ size: z.number().max(10) })) }),
    output: z.null(),
    run: () => null,
  })
  const engine = engineOf([strict])
  await users.run(alice, async () => {
    const error = await engineError(() =>
      engine.start('strict', { files: [{ size: 1 }, { size: 'secret-canary' }] }),
    )
    expect(error).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path: 'files.1.size' }] })
    expect(JSON.stringify([error.message, error.issues])).not.toContain('secret-canary')
    expect((await engineError(() => engine.start('nope', {}))).code).toBe('UNKNOWN_AGENT')
    expect(await engine.runs()).toEqual({ runs: [] })
  })
  await expectNothingLeft(engine)
})

test('an input is parsed once, by a schema that may be asynchronous', async () => {
  let parses = 0
  const counted = defineAgent({
    name: 'counted',
    input: z.object({
      id: z.string().transform(async (id) => {
        parses += 1
        await nextTurn()
        return `${id}+`
      }),
    }),
    output: z.string().transform((text) => `${text}!`),
    run: ({ id }) => id,
  })
  const engine = engineOf([counted])
  await users.run(alice, async () => {
    expect(await (await engine.start('counted', { id: 'a' })).result).toBe('a+!')
  })
  expect(parses).toBe(1)
})

// origins: EEF-1 EEF-2
test('a full queue refuses at once, says when to try again, and leaves nothing behind', async () => {
  const engine = engineOf([waits, echo], {
    limits: { ownerConcurrency: 1, ownerQueue: 1, concurrency: 2, queue: 2 },
  })
  const started = await users.run(alice, async () => {
    const runs = [await engine.start('waits', {}), await engine.start('waits', {})]
    const error = await engineError(() => engine.start('waits', {}))
    expect(error).toMatchObject({ code: 'OWNER_QUEUE_FULL', retryAfterMs: expect.any(Number) })
    expect((await engine.runs()).runs).toHaveLength(2)
    return runs
  })
  const others = await users.run(bob, async () => [
    await engine.start('waits', {}),
    await engine.start('waits', {}),
  ])
  await users.run({ userId: 'carol' }, async () => {
    const error = await engineError(() => engine.start('echo', { text: 'hi' }))
    expect(error).toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: expect.any(Number) })
    expect(await engine.runs()).toEqual({ runs: [] })
  })
  expect(engine.health()).toMatchObject({ running: 2, queued: 2 })
  gate.resolve(null)
  await Promise.all([...started, ...others].map(({ result }) => result))
  await expectNothingLeft(engine)
})

test.each([
  ['empty', ''],
  ['too long', 'x'.repeat(300)],
  ['with a control character', 'a\nb'],
  ['no text', untyped<string>(7)],
])('a thread id that is %s is refused, and its slot is free again', async (_, threadId) => {
  const engine = engineOf([echo], {
    limits: { ownerConcurrency: 1, concurrency: 1, ownerQueue: 0 },
  })
  await users.run(alice, async () => {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const error = await contextError(() => engine.start('echo', { text: 'hi' }, { threadId }))
      expect(error.code).toBe('INVALID_CONTEXT')
    }
    expect(engine.health()).toMatchObject({ running: 0, queued: 0 })
    expect(typesOf(await runToEnd(engine, 'echo', { text: 'hi' })).at(-1)).toBe('agent_completed')
  })
  await engine.close()
  await expectNothingLeft(engine)
})

test("a thread id other than the scope's own is refused, and its slot is free again", async () => {
  const engine = engineOf([echo], { limits: { concurrency: 1, queue: 0 } })
  await users.run({ ...alice, threadId: 't1' }, async () => {
    const start = (threadId?: string): Promise<unknown> =>
      engine.start('echo', { text: 'hi' }, { threadId })
    expect((await contextError(() => start('t2'))).code).toBe('INVALID_CONTEXT')
    await start('t1')
  })
  await engine.close()
  await expectNothingLeft(engine)
})

test('a start whose scope closes while its input is parsed is refused, and its slot is free again', async () => {
  const parsing = deferred()
  const slow = defineAgent({
    name: 'slow',
    input: z.string().transform(async (text) => {
      await parsing.promise
      return text
    }),
    output: z.string(),
    run: (text) => text,
  })
  const engine = engineOf([slow, echo], { limits: { concurrency: 1, queue: 0 } })
  let starting: Promise<unknown> | undefined
  await users.run(alice, () => {
    starting = caught(() => engine.start('slow', 'hi'))
  })
  parsing.resolve()
  expect(await starting).toMatchObject({ code: 'SCOPE_CLOSED' })
  await users.run(bob, () => runToEnd(engine, 'echo', { text: 'hi' }))
  await engine.close()
  await expectNothingLeft(engine)
})

test('a start in a scope that is closing is refused, and its slot is free again', async () => {
  const engine = engineOf([echo], { limits: { concurrency: 1, queue: 0 } })
  let refusal: unknown
  await users.run(alice, (scope) => {
    scope.defer(async () => {
      refusal = await caught(() => engine.start('echo', { text: 'hi' }))
    })
  })
  expect(refusal).toMatchObject({ code: 'SCOPE_CLOSING' })
  await users.run(bob, () => runToEnd(engine, 'echo', { text: 'hi' }))
  await engine.close()
  await expectNothingLeft(engine)
})

test('a signal that is none is refused, and its slot is free again', async () => {
  const engine = engineOf([echo], { limits: { concurrency: 1, queue: 0 } })
  await users.run(alice, async () => {
    const options = untyped<StartOptions>({ signal: { aborted: false } })
    expect(await caught(() => engine.start('echo', { text: 'hi' }, options))).toBeInstanceOf(
      TypeError,
    )
    await runToEnd(engine, 'echo', { text: 'hi' })
  })
  await engine.close()
  await expectNothingLeft(engine)
})

test('options of a start that are none are refused', async () => {
  const engine = engineOf([echo])
  await users.run(alice, async () => {
    for (const options of [null, 5, { signal: 'soon' }]) {
      expect(
        await caught(() => engine.start('echo', { text: 'hi' }, untyped(options))),
      ).toBeInstanceOf(TypeError)
    }
  })
  expect(engine.health()).toMatchObject({ running: 0, queued: 0 })
})

test('a run id that is made twice is refused; the run that has it goes on and can still be cancelled', async () => {
  const gateOfOne = deferred<null>()
  const held = defineAgent({
    name: 'held',
    input: empty,
    output: z.null(),
    run: () => gateOfOne.promise,
  })
  const engine = engineOf([held, echo], { createRunId: () => 'same', limits: { abortGraceMs: 10 } })
  await users.run(alice, async () => {
    const { result } = await engine.start('held', {})
    expect(await caught(() => engine.start('held', {}))).toBeInstanceOf(Error)
    expect(engine.health()).toMatchObject({ running: 1, queued: 0 })
    expect(await engine.cancel('same')).toMatchObject({ status: 'cancelled' })
    await expect(result).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await caught(() => engine.start('echo', { text: 'hi' }))).toBeInstanceOf(Error)
    expect(engine.health()).toMatchObject({ running: 0, queued: 0 })
  })
  // Another owner's run may have the same id: ids are not keys.
  await users.run(bob, async () => {
    expect(await (await engine.start('echo', { text: 'hers' })).result).toEqual({ text: 'hers' })
    expect(await storyOf(engine, 'same')).toHaveLength(3)
  })
  await users.run(alice, async () => {
    expect(await engine.run('same')).toMatchObject({ status: 'cancelled', agent: 'held' })
  })
  gateOfOne.resolve(null)
  await expectNothingLeft(engine)
})

test('an agent can start runs of its own user; they are runs of their own', async () => {
  const parent = defineAgent({
    name: 'parent',
    input: empty,
    output: z.object({ runId: z.string(), userId: z.string() }),
    run: async () => {
      const { runId, result } = await engine.start('echo', { text: 'from inside' })
      await result
      return { runId, userId: users.current().userId }
    },
  })
  const engine = engineOf([parent, echo])
  await users.run(alice, async () => {
    const outer = await engine.start('parent', {})
    const inner = z.object({ runId: z.string() }).parse(await outer.result)
    expect(inner.runId).not.toBe(outer.runId)
    expect(typesOf(await storyOf(engine, outer.runId))).toEqual([
      'agent_started',
      'agent_completed',
    ])
    expect(typesOf(await storyOf(engine, inner.runId))).toHaveLength(3)
    expect((await engine.runs()).runs.map(({ runId }) => runId)).toEqual([inner.runId, outer.runId])
  })
  expect(inspect().openScopes).toBe(0)
})

test("runs are listed newest first, a page at a time, and only one's own", async () => {
  let made = 0
  const engine = engineOf([echo], { createRunId: () => `run-${(made += 1)}` })
  for (const user of [alice, bob, alice, alice, bob]) {
    await users.run(user, async () => (await engine.start('echo', { text: 'hi' })).result)
  }
  await users.run(alice, async () => {
    const first = await engine.runs({ limit: 2 })
    expect(first.runs.map(({ runId }) => runId)).toEqual(['run-4', 'run-3'])
    expect(first.next).toBe('run-3')
    const second = await engine.runs({ limit: 2, before: 'run-3' })
    expect(second.runs.map(({ runId }) => runId)).toEqual(['run-1'])
    expect(second).not.toHaveProperty('next')
    for (const before of ['run-5', 'missing']) {
      const error = await engineError(() => engine.runs({ before }))
      expect(error.code).toBe('CURSOR_EVICTED')
    }
  })
})

test('the runs of a conversation are found by it, whatever else its owner has, and by nobody else', async () => {
  const engine = engineOf([echo], { createRunId: ids() })
  for (const [user, threadId] of [
    [alice, 'a'],
    [bob, 'a'],
    [alice, 'b'],
    [alice, undefined],
    [alice, 'a'],
  ] as const) {
    await users.run(
      user,
      async () => (await engine.start('echo', { text: 'hi' }, { threadId })).result,
    )
  }
  const found = async (owner: typeof alice, threadId: string): Promise<string[]> =>
    users.run(owner, async () => (await engine.runs({ threadId })).runs.map(({ runId }) => runId))
  expect(await found(alice, 'a')).toEqual(['run-5', 'run-1'])
  expect(await found(alice, 'b')).toEqual(['run-3'])
  expect(await found(bob, 'a')).toEqual(['run-2'])
  expect(await found(bob, 'b')).toEqual([])
})

function ids(): () => string {
  let made = 0
  return () => `run-${(made += 1)}`
}
