import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  defineAgent,
  pipeline,
  type AgentDefinition,
  type RunHandle,
  type ThreadPolicy,
} from '../src/index.ts'
import { caught, engineError } from './support/caught.ts'
import { aborted, deferred, nextTurn, until, type Deferred } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { engineOf, storyOf, typesOf } from './support/engine.ts'
import { FailingRunStore } from './support/failing-run-store.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { storeWith } from './support/store-with.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

interface Gated {
  readonly agent: AgentDefinition<{ name: string }, string>
  /** The names of the runs that began, in order. */
  readonly began: string[]
  readonly gate: (name: string) => Deferred<void>
}

/** An agent whose runs end when their gate is opened. */
function gated(threadPolicy?: ThreadPolicy): Gated {
  const began: string[] = []
  const gates = new Map<string, Deferred<void>>()
  const gate = (name: string): Deferred<void> => {
    const known = gates.get(name) ?? deferred()
    gates.set(name, known)
    return known
  }
  const agent = defineAgent({
    name: 'gated',
    input: z.object({ name: z.string() }),
    output: z.string(),
    ...(threadPolicy === undefined ? {} : { threadPolicy }),
    run: async ({ name }, { signal }) => {
      began.push(name)
      await Promise.race([gate(name).promise, aborted(signal)])
      return name
    },
  })
  return { agent, began, gate }
}

test('runs of a thread go one at a time, in order, and hold up no other thread and no other user', async () => {
  const { agent, began, gate } = gated()
  const engine = engineOf([agent])
  const start = (user: { userId: string }, name: string, threadId?: string): Promise<RunHandle> =>
    users.run(user, () => engine.start('gated', { name }, { threadId }))
  const first = await start(alice, 'one', 'a')
  const second = await start(alice, 'two', 'a')
  const third = await start(alice, 'three', 'a')
  const others = [
    await start(alice, 'another thread', 'b'),
    await start(alice, 'no thread'),
    await start(bob, "bob's", 'a'),
  ]
  expect([first, ...others].every(({ joined }) => !joined)).toBe(true)
  await until(() => began.length === 4)
  expect(began).toEqual(['one', 'another thread', 'no thread', "bob's"])
  expect(engine.health()).toMatchObject({ running: 4, queued: 2 })
  gate('one').resolve()
  await until(() => began.length === 5)
  expect(began.at(-1)).toBe('two')
  // One that is cancelled while it waits holds up nobody.
  const fourth = await start(alice, 'four', 'a')
  await users.run(alice, () => engine.cancel(third.runId))
  gate('two').resolve()
  await until(() => began.length === 6)
  expect(began.at(-1)).toBe('four')
  for (const name of began) gate(name).resolve()
  await expect(second.result).resolves.toBe('two')
  await expect(fourth.result).resolves.toBe('four')
  await expectNothingLeft(engine)
})

test('what waits for its thread is in the queue: it counts, and shows its place', async () => {
  const { agent, gate } = gated()
  const engine = engineOf([agent], { limits: { ownerQueue: 2 } })
  await users.run(alice, async () => {
    await engine.start('gated', { name: 'one' }, { threadId: 'a' })
    const second = await engine.start('gated', { name: 'two' }, { threadId: 'a' })
    const events = await engine.events(second.runId)
    expect((await events.next()).value).toMatchObject({
      type: 'queue_position',
      data: { position: 1 },
    })
    await engine.start('gated', { name: 'three' }, { threadId: 'a' })
    const full = await engineError(() => engine.start('gated', { name: 'four' }, { threadId: 'a' }))
    expect(full.code).toBe('OWNER_QUEUE_FULL')
    for (const name of ['one', 'two', 'three']) gate(name).resolve()
    await expect(second.result).resolves.toBe('two')
  })
  await expectNothingLeft(engine)
})

test('what waits for its thread is given up when its time is over', async () => {
  const { agent, gate } = gated()
  const engine = engineOf([agent], { limits: { queueMs: 30 } })
  await users.run(alice, async () => {
    await engine.start('gated', { name: 'one' }, { threadId: 'a' })
    const second = await engine.start('gated', { name: 'two' }, { threadId: 'a' })
    await expect(second.result).rejects.toMatchObject({ code: 'QUEUE_TIMEOUT' })
    gate('one').resolve()
  })
  await expectNothingLeft(engine)
})

test('reject refuses with THREAD_BUSY, whatever it says of another agent, and not once the run has ended', async () => {
  const { agent, gate } = gated()
  const engine = engineOf([agent, echo])
  await users.run(alice, async () => {
    const options = { threadId: 'a', threadPolicy: 'reject' } as const
    const first = await engine.start('gated', { name: 'one' }, options)
    const busy = await engineError(() => engine.start('echo', { text: 'hi' }, options))
    expect(busy).toMatchObject({ code: 'THREAD_BUSY', retryAfterMs: 1_000 })
    expect(busy.message).toContain('"gated"')
    // Somebody else's thread of that name is another one.
    await users.run(alice, () => undefined)
    expect((await engine.runs()).runs).toHaveLength(1)
    gate('one').resolve()
    await first.result
    const second = await engine.start('echo', { text: 'hi' }, options)
    await expect(second.result).resolves.toEqual({ text: 'hi' })
  })
  await users.run(bob, async () => {
    const { result } = await engine.start('echo', { text: 'hi' }, { threadId: 'a' })
    await result
  })
  await expectNothingLeft(engine)
})

test('replace cancels what goes on and what waits in the thread, and runs then', async () => {
  const { agent, began } = gated()
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const [running, waiting, elsewhere] = [
      await engine.start('gated', { name: 'one' }, { threadId: 'a' }),
      await engine.start('gated', { name: 'two' }, { threadId: 'a' }),
      await engine.start('gated', { name: 'other' }, { threadId: 'b' }),
    ]
    await until(() => began.length === 2)
    const newest = await engine.start(
      'gated',
      { name: 'three' },
      { threadId: 'a', threadPolicy: 'replace' },
    )
    for (const [{ runId, result }, types] of [
      [running, ['agent_started', 'agent_cancelled']],
      [waiting, ['agent_cancelled']],
    ] as const) {
      await expect(result).rejects.toMatchObject({ code: 'CANCELLED' })
      const events = await storyOf(engine, runId)
      expect(typesOf(events)).toEqual(types)
      expect(events.at(-1)).toMatchObject({ data: { reason: 'replaced' } })
    }
    await until(() => began.includes('three'))
    expect(began).not.toContain('two')
    expect(await engine.run(elsewhere.runId)).toMatchObject({ status: 'running' })
    await engine.cancel(newest.runId)
    await engine.cancel(elsewhere.runId)
  })
  await expectNothingLeft(engine)
})

test('a run that could not be stored replaces nothing', async () => {
  const { agent, began, gate } = gated('replace')
  const runs = new FailingRunStore()
  const engine = engineOf([agent], { store: storeWith({ runs }) })
  await users.run(alice, async () => {
    const first = await engine.start('gated', { name: 'one' }, { threadId: 'a' })
    await until(() => began.length === 1)
    runs.fail = (method) => {
      if (method === 'create') throw new Error('no room')
    }
    await expect(engine.start('gated', { name: 'two' }, { threadId: 'a' })).rejects.toMatchObject({
      cause: { message: 'no room' },
    })
    runs.fail = () => undefined
    gate('one').resolve()
    await expect(first.result).resolves.toBe('one')
  })
  await expectNothingLeft(engine)
})

test('join gives the handle of the run that goes on, and starts none', async () => {
  const { agent, began, gate } = gated('join')
  const engine = engineOf([agent, echo])
  await users.run(alice, async () => {
    const controller = new AbortController()
    const [first, second] = await Promise.all([
      engine.start('gated', { name: 'one' }, { threadId: 'a' }),
      engine.start('gated', { name: 'two' }, { threadId: 'a', signal: controller.signal }),
    ])
    expect(second).toMatchObject({ runId: first.runId, joined: true })
    expect(first.joined).toBe(false)
    // Whoever joined and leaves again ends nothing.
    controller.abort()
    // Another agent's result is not what was asked for.
    const other = await engineError(() =>
      engine.start('echo', { text: 'hi' }, { threadId: 'a', threadPolicy: 'join' }),
    )
    expect(other.code).toBe('THREAD_BUSY')
    expect((await engineError(() => engine.start('gated', {}, { threadId: 'a' }))).code).toBe(
      'INVALID_INPUT',
    )
    gate('one').resolve()
    await expect(second.result).resolves.toBe('one')
    expect(began).toEqual(['one'])
    expect((await engine.runs()).runs).toHaveLength(1)
  })
  await expectNothingLeft(engine)
})

test('parallel runs of a thread do not wait for each other; one that queues waits for them all', async () => {
  const { agent, began, gate } = gated()
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const parallel = { threadId: 'a', threadPolicy: 'parallel' } as const
    await engine.start('gated', { name: 'one' }, parallel)
    await engine.start('gated', { name: 'two' }, parallel)
    const third = await engine.start('gated', { name: 'three' }, { threadId: 'a' })
    await until(() => began.length === 2)
    gate('one').resolve()
    await until(() => engine.health().running === 1)
    await nextTurn()
    expect(began).toEqual(['one', 'two'])
    gate('two').resolve()
    gate('three').resolve()
    await third.result
  })
  await expectNothingLeft(engine)
})

test('a run does not wait for the one that started it, nor for one that started that', async () => {
  const nested = defineAgent({
    name: 'nested',
    input: z.object({ depth: z.number() }),
    output: z.number(),
    run: async ({ depth }) => {
      if (depth === 0) return 0
      const { result } = await engine.start('nested', { depth: depth - 1 })
      return 1 + z.number().parse(await result)
    },
  })
  const engine = engineOf([nested])
  await users.run(alice, async () => {
    const { result } = await engine.start('nested', { depth: 3 }, { threadId: 'a' })
    await expect(result).resolves.toBe(3)
  })
  await expectNothingLeft(engine)
})

test('the thread of the current scope is the thread of its runs', async () => {
  const { agent, gate } = gated('reject')
  const engine = engineOf([agent])
  await users.run({ ...alice, threadId: 'a' }, async () => {
    await engine.start('gated', { name: 'one' })
    expect((await engineError(() => engine.start('gated', { name: 'two' }))).code).toBe(
      'THREAD_BUSY',
    )
    gate('one').resolve()
  })
  await expectNothingLeft(engine)
})

test('a policy that is none is refused', async () => {
  const policy = untyped<ThreadPolicy>('latest')
  expect(() => gated(policy)).toThrow('Expected `threadPolicy` to be one of queue, reject')
  expect(() => pipeline({ name: 'p', stages: [echo], threadPolicy: policy })).toThrow(TypeError)
  expect(pipeline({ name: 'p', stages: [echo], threadPolicy: 'join' }).threadPolicy).toBe('join')
  const engine = engineOf([echo])
  await users.run(alice, async () => {
    const error = await caught(() =>
      engine.start('echo', { text: 'hi' }, { threadId: 'a', threadPolicy: policy }),
    )
    expect(error).toBeInstanceOf(TypeError)
  })
  await expectNothingLeft(engine)
})
