import { expect, test } from 'vitest'
import * as z from 'zod'
import { AgentError, defineAgent, defineTool, EngineError, MemoryRunStore } from '../src/index.ts'
import { caught } from './support/caught.ts'
import { deferred, nextTurn, until } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { collect, engineOf, expectOneStory, runToEnd, storyOf, typesOf } from './support/engine.ts'
import { FailingRunStore } from './support/failing-run-store.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { RecordingLogger } from './support/recording-logger.ts'
import { alice, users } from './support/users.ts'
import { storeWith } from './support/store-with.ts'

const empty = z.object({})
const down = new Error('the database is down')
const unavailable = { code: 'STORE_UNAVAILABLE', cause: down, retryAfterMs: 1_000 }

/** Fails the nth append that carries an event of this type, or every one. */
function failAt(store: FailingRunStore, type: string, nth: number = Infinity): void {
  let seen = 0
  store.fail = (_, events) => {
    if (!events.some((event) => event.type === type)) return
    seen += 1
    if (nth === Infinity || seen === nth) throw down
  }
}

// origins: EEF-2
test('a start that cannot be stored is refused with the reason, and leaves nothing', async () => {
  const store = new FailingRunStore()
  const engine = engineOf([echo], {
    store: storeWith({ runs: store }),
    limits: { concurrency: 1, queue: 0 },
  })
  await users.run(alice, async () => {
    store.fail = (method) => {
      if (method === 'create') throw down
    }
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(await caught(() => engine.start('echo', { text: 'hi' }))).toMatchObject(unavailable)
    }
    expect(engine.health()).toMatchObject({ running: 0, queued: 0 })
    store.fail = () => undefined
    expect(await engine.runs()).toEqual({ runs: [] })
    expectOneStory(await runToEnd(engine, 'echo', { text: 'hi' }))
  })
  await expectNothingLeft(engine)
})

test('a run whose beginning cannot be stored fails, its agent never begins, and its slot is free', async () => {
  const store = new FailingRunStore()
  const logger = new RecordingLogger()
  let begun = 0
  const counts = defineAgent({
    name: 'counts',
    input: empty,
    output: z.number(),
    run: () => (begun += 1),
  })
  const engine = engineOf([counts], {
    store: storeWith({ runs: store }),
    logger,
    limits: { concurrency: 1, queue: 0 },
  })
  failAt(store, 'agent_started', 1)
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('counts', {})
    expect(await caught(() => result)).toMatchObject(unavailable)
    const events = await storyOf(engine, runId)
    expectOneStory(events)
    expect(events).toMatchObject([
      { type: 'agent_error', data: { error: { code: 'STORE_UNAVAILABLE', retryAfterMs: 1_000 } } },
    ])
    expect(JSON.stringify(events)).not.toContain('database')
    expect(begun).toBe(0)
    expect(await (await engine.start('counts', {})).result).toBe(1)
  })
  expect(logger.entries).toMatchObject([
    {
      message: 'the store is not available',
      fields: { err: { cause: down }, method: 'runs.append' },
    },
    {
      message: 'an event of a run could not be stored',
      fields: { code: 'STORE_UNAVAILABLE', agent: 'counts' },
    },
    { message: 'the store answers again', fields: { failures: 1 } },
  ])
  await expectNothingLeft(engine)
})

// origins: EMT-2 EMT-3 L10 L14
test('an event that cannot be stored fails whoever told it, awaited or not: nothing gets lost in silence', async () => {
  for (const awaited of [true, false]) {
    const store = new FailingRunStore()
    const logger = new RecordingLogger()
    const agent = defineAgent({
      name: 'agent',
      input: empty,
      output: z.null(),
      run: async (_, execution) => {
        const told = execution.text('lost')
        if (awaited) await told
        return null
      },
    })
    const engine = engineOf([agent], { store: storeWith({ runs: store }), logger })
    failAt(store, 'agent_text', 1)
    await users.run(alice, async () => {
      const events = await runToEnd(engine, 'agent')
      expectOneStory(events)
      expect(events.at(-1)).toMatchObject({ data: { error: { code: 'STORE_UNAVAILABLE' } } })
    })
    expect(logger.text()).toContain('the database is down')
    await expectNothingLeft(engine)
  }
})

test.each(['tool_executing', 'tool_completed'])(
  'a %s that cannot be stored leaves no call without its other half',
  async (type) => {
    const store = new FailingRunStore()
    const tool = defineTool({ name: 'tool', input: empty, output: z.null(), run: () => null })
    const agent = defineAgent({
      name: 'agent',
      input: empty,
      output: z.null(),
      run: async (_, execution) => {
        expect(await caught(() => execution.call(tool, {}))).toMatchObject(unavailable)
        return null
      },
    })
    const engine = engineOf([agent], { store: storeWith({ runs: store }) })
    await users.run(alice, async () => {
      failAt(store, type, 1)
      expectOneStory(await runToEnd(engine, 'agent'))
    })
  },
)

test('a tool_completed that fails twice is made up for at the end', async () => {
  const store = new FailingRunStore()
  const tool = defineTool({ name: 'tool', input: empty, output: z.null(), run: () => null })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: async (_, execution) => {
      await execution.call(tool, {}).catch(() => undefined)
      store.fail = () => undefined
      return null
    },
  })
  const engine = engineOf([agent], { store: storeWith({ runs: store }) })
  failAt(store, 'tool_completed')
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    expect(events.at(-2)).toMatchObject({ type: 'tool_completed', data: { ok: false } })
  })
})

test('an end that the store takes at the second attempt is an end as any other', async () => {
  for (const taken of [false, true]) {
    const memory = new MemoryRunStore()
    const append = memory.append.bind(memory)
    let attempts = 0
    // Not taken, or taken without a word of it.
    memory.append = async (runId, events) => {
      if (!events.some(({ type }) => type === 'agent_completed')) return append(runId, events)
      attempts += 1
      if (attempts > 1 || taken) await append(runId, events)
      if (attempts === 1) throw down
      return []
    }
    const engine = engineOf([echo], { store: storeWith({ runs: memory }) })
    await users.run(alice, async () => {
      const { runId, result } = await engine.start('echo', { text: 'hi' })
      expect(await result).toMatchObject({ text: 'hi' })
      expectOneStory(await storyOf(engine, runId))
      expect(await engine.run(runId)).toMatchObject({ status: 'completed' })
    })
    expect(attempts).toBe(2)
    await expectNothingLeft(engine)
  }
})

test('a run whose end is lost is told to have ended, and its end is stored when the store takes it again', async () => {
  const store = new FailingRunStore()
  const broken = defineAgent({
    name: 'broken',
    input: empty,
    output: z.null(),
    run: () => {
      throw new AgentError('NO_DATA', 'There is nothing to work on.')
    },
  })
  const engine = engineOf([echo, broken], { store: storeWith({ runs: store }) })
  const ends = new Set(['agent_completed', 'agent_error'])
  store.fail = (_, events) => {
    if (events.some(({ type }) => ends.has(type))) throw down
  }
  await users.run(alice, async () => {
    const [good, bad] = [
      await engine.start('echo', { text: 'hi' }),
      await engine.start('broken', {}),
    ]
    await caught(() => good.result)
    await caught(() => bad.result)
    const ended = { endedAt: expect.stringMatching(/^20/) }
    const completed = { status: 'completed', result: { text: 'hi' }, ...ended }
    const failed = { status: 'failed', error: { code: 'NO_DATA' }, ...ended }
    expect(await engine.run(good.runId)).toMatchObject(completed)
    expect((await engine.runs()).runs).toMatchObject([failed, completed])
    store.fail = () => undefined
    expect((await engine.runs({ limit: 1 })).runs).toMatchObject([failed])
    expect(await store.get(bad.runId)).toMatchObject({ status: 'failed' })
    expect(await store.get(good.runId)).toMatchObject({ status: 'running' })
    expectOneStory(await storyOf(engine, good.runId))
    expect(await store.get(good.runId)).toMatchObject(completed)
    expect(await engine.forgetRuns()).toBe(2)
  })
  await expectNothingLeft(engine)
})

test.each(['goes on', 'closes'])(
  'an end that was lost is stored when the store is there again, though nobody asks: where the engine %s',
  async (what) => {
    const store = new FailingRunStore()
    const logger = new RecordingLogger()
    const engine = engineOf([echo], { store: storeWith({ runs: store }), logger })
    await users.run(alice, async () => {
      failAt(store, 'agent_completed')
      const { runId, result } = await engine.start('echo', { text: 'hi' })
      expect(await caught(() => result)).toMatchObject(unavailable)
      expect(await store.get(runId)).toMatchObject({ status: 'running' })
      store.fail = () => undefined
      const append = store.append.bind(store)
      store.append = async (...given) => {
        await nextTurn()
        return append(...given)
      }
      if (what === 'closes') {
        await engine.close()
        store.fail = () => {
          throw new Error('closed')
        }
        await nextTurn()
        store.fail = () => undefined
      }
      while ((await store.get(runId))?.status !== 'completed') await nextTurn()
      const types = (await store.read(runId, undefined, 100))?.events.map(({ type }) => type)
      expect(types?.filter((type) => type === 'agent_completed')).toHaveLength(1)
    })
    await expectNothingLeft(engine)
    // One reason, however often it was met.
    expect(logger.text().split('the database is down')).toHaveLength(2)
  },
)

test('whoever follows a run goes on following it through an outage of the store', async () => {
  const store = new FailingRunStore()
  const gate = deferred<null>()
  const waits = defineAgent({
    name: 'waits',
    input: empty,
    output: z.null(),
    run: () => gate.promise,
  })
  const engine = engineOf([waits], { store: storeWith({ runs: store }) })
  await users.run(alice, async () => {
    const { runId } = await engine.start('waits', {})
    const follower = await engine.events(runId)
    await follower.next()
    let refused = 0
    store.fail = (method) => {
      if (method !== 'read') return
      refused += 1
      throw down
    }
    const next = follower.next()
    gate.resolve(null)
    await until(() => refused === 2)
    store.fail = () => undefined
    expect(await next).toMatchObject({ value: { type: 'agent_completed', seq: 1 } })
  })
  await expectNothingLeft(engine)
})

test('a store that throws at once, or answers with no promise, is a store that fails, or answers', async () => {
  const store = new FailingRunStore()
  const thrower = {
    ...storeWith({}),
    runs: new Proxy(store, {
      get: (target, key) => {
        if (key === 'list') {
          return () => {
            throw down
          }
        }
        const value: unknown = Reflect.get(target, key)
        return typeof value === 'function' ? value.bind(target) : value
      },
    }),
    ledger: {
      account: () => {
        throw down
      },
    },
  }
  const engine = engineOf([echo], { store: thrower })
  await users.run(alice, async () => {
    expect(await caught(() => engine.runs())).toMatchObject(unavailable)
    expect(await caught(() => engine.start('echo', { text: 'hi' }))).toMatchObject(unavailable)
  })
  await expectNothingLeft(engine)
})

test('what a store answers stays what it is, and only what nobody reaches is unavailable', async () => {
  const store = new FailingRunStore()
  const engine = engineOf([echo], { store: storeWith({ runs: store }) })
  const unreached = new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') })
  const answers = [
    new TypeError('wrong'),
    new RangeError('too long'),
    new EngineError('FORBIDDEN', 'no'),
  ]
  await users.run(alice, async () => {
    for (const error of [...answers, unreached]) {
      store.fail = () => {
        throw error
      }
      const failure = await caught(() => engine.runs())
      const wrapped = EngineError.is(failure) && failure.code === 'STORE_UNAVAILABLE'
      expect([wrapped, wrapped ? failure.cause : failure]).toEqual([error === unreached, error])
    }
  })
  expect(await caught(() => engine.runs())).toMatchObject({ code: 'NO_SCOPE' })
})

test('a run whose end is lost can be deleted when the store takes its end', async () => {
  const store = new FailingRunStore()
  const engine = engineOf([echo], { store: storeWith({ runs: store }) })
  failAt(store, 'agent_completed')
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('echo', { text: 'hi' })
    await caught(() => result)
    store.fail = () => undefined
    await engine.delete(runId)
    expect(await caught(() => engine.run(runId))).toMatchObject({ code: 'RUN_NOT_FOUND' })
  })
})

test('a run whose end cannot be stored gives back its slot, and whoever follows it is told that it is over', async () => {
  const store = new FailingRunStore()
  const logger = new RecordingLogger()
  const engine = engineOf([echo], {
    store: storeWith({ runs: store }),
    logger,
    limits: { concurrency: 1, queue: 0 },
  })
  failAt(store, 'agent_completed')
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('echo', { text: 'hi' })
    const following = caught(async () => collect(await engine.events(runId)))
    expect(await caught(() => result)).toMatchObject(unavailable)
    expect(await following).toMatchObject({ code: 'RUN_ENDED' })
    // So is whoever comes later, once they have seen what there is.
    const late = await engine.events(runId)
    expect(await late.next()).toMatchObject({ value: { type: 'agent_started' } })
    expect(await caught(() => collect(late))).toMatchObject({ code: 'RUN_ENDED' })
    expect(await engine.run(runId)).toMatchObject({ status: 'completed' })
    // The store answers, and yet it does not do what it is for.
    expect(await engine.checkHealth({ timeoutMs: 20_000 })).toMatchObject({
      status: 'degraded',
      problems: ['ends_unstored'],
    })
    store.fail = () => undefined
    await engine.run(runId)
    expect(engine.health()).toMatchObject({ running: 0, status: 'ok' })
    expectOneStory(await runToEnd(engine, 'echo', { text: 'again' }))
  })
  // That it was, for each attempt; why, by whoever says it for the store.
  const told = logger.entries.filter(({ message }) => message.startsWith('an event'))
  expect(told).toMatchObject(
    Array.from({ length: 3 }, () => ({ level: 'error', fields: { code: 'STORE_UNAVAILABLE' } })),
  )
  expect(logger.entries[0]).toMatchObject({
    level: 'error',
    message: 'the store is not available',
    fields: { method: 'runs.append', err: unavailable },
  })
  await engine.close()
  await expectNothingLeft(engine)
})

test('a logger that throws cannot keep later events from being stored', async () => {
  const store = new FailingRunStore()
  const fail = (): never => {
    throw new Error('the disk is full')
  }
  const engine = engineOf([echo], {
    store: storeWith({ runs: store }),
    logger: { error: fail, warn: fail },
  })
  failAt(store, 'agent_thinking', 1)
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'echo', { text: 'hi' })
    expectOneStory(events)
    expect(typesOf(events)).toEqual(['agent_started', 'agent_error'])
  })
})

test('a read that fails ends the following with the reason, and releases it', async () => {
  const store = new FailingRunStore()
  const gate = deferred<null>()
  const waits = defineAgent({
    name: 'waits',
    input: empty,
    output: z.null(),
    run: () => gate.promise,
  })
  const engine = engineOf([waits], { store: storeWith({ runs: store }), limits: { storeMs: 50 } })
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('waits', {})
    const follower = await engine.events(runId)
    await follower.next()
    store.fail = (method) => {
      if (method === 'read') throw down
    }
    expect(await caught(() => follower.next())).toMatchObject(unavailable)
    expect(await follower.next()).toEqual({ done: true, value: undefined })
    store.fail = () => undefined
    gate.resolve(null)
    await result
    expect(typesOf(await storyOf(engine, runId))).toHaveLength(2)
  })
  await nextTurn()
  await expectNothingLeft(engine)
})
