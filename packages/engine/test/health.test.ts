import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, MemoryStore, type SystemStore } from '../src/index.ts'
import { Scheduler } from '../src/scheduling/scheduler.ts'
import { aborted, deferred, nextTurn, until } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { engineOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { untyped } from './support/untyped.ts'
import { alice, users } from './support/users.ts'

const waits = defineAgent({
  name: 'waits',
  input: z.object({}),
  output: z.null(),
  run: async (_, { signal }) => {
    await aborted(signal)
    return null
  },
})

/** A memory store whose answer to an inspection is this. */
function storeThatAnswers(inspect: SystemStore['inspect']): MemoryStore {
  const store = new MemoryStore()
  const { system } = store
  Object.defineProperty(store, 'system', {
    value: { ...untyped<SystemStore>({}), inspect, sweep: system.sweep.bind(system) },
  })
  return store
}

// origins: BRG-2 REG-3 L25
test('an engine with nothing to do is well, and so is one that works', async () => {
  const engine = engineOf([waits])
  const well = {
    status: 'ok',
    problems: [],
    accepting: true,
    queued: 0,
    orphans: 0,
    orphaned: 0,
    quarantinedTools: 0,
  }
  expect(engine.health()).toEqual({ ...well, running: 0 })
  await users.run(alice, () => engine.start('waits', {}))
  await until(() => engine.health().running === 1)
  const checked = await engine.checkHealth({ timeoutMs: 20_000 })
  expect(checked).toMatchObject({ ...well, running: 1 })
  expect(checked.storeMs).toBeGreaterThanOrEqual(0)
  expect(checked.eventLoopMs).toBeGreaterThanOrEqual(0)
  await engine.close({ graceMs: 0 })
  expect(engine.health()).toMatchObject({
    status: 'closed',
    problems: ['closed'],
    accepting: false,
  })
  expect((await engine.checkHealth()).status).toBe('closed')
  await expectNothingLeft(engine)
})

test('a full queue is a degraded engine, as long as it is full', async () => {
  const engine = engineOf([waits], { limits: { concurrency: 1, queue: 1 } })
  await users.run(alice, async () => {
    await engine.start('waits', {})
    const second = await engine.start('waits', {})
    expect(engine.health()).toMatchObject({ status: 'degraded', problems: ['queue_full'] })
    await engine.cancel(second.runId)
    expect(engine.health().status).toBe('ok')
  })
  await engine.close({ graceMs: 0 })
  await expectNothingLeft(engine)
})

// origins: BRG-2 UCM-2
test('an engine whose store fails or does not answer is failing, and recovers with it', async () => {
  let answer: SystemStore['inspect'] = async () => {
    throw new Error('no')
  }
  const engine = engineOf([echo], { store: storeThatAnswers(() => answer()) })
  expect(engine.health().status).toBe('ok')
  expect(await engine.checkHealth()).toMatchObject({
    status: 'failing',
    problems: ['store_failing'],
    storeMs: undefined,
  })
  const never = deferred()
  answer = async () => {
    await never.promise
    throw new Error('at last')
  }
  expect((await engine.checkHealth({ timeoutMs: 10 })).problems).toContain('store_failing')
  never.resolve()
  answer = async () => new MemoryStore().system.inspect()
  expect((await engine.checkHealth({ timeoutMs: 20_000 })).status).toBe('ok')
  expect(() => engine.checkHealth({ timeoutMs: 0 })).toThrow(TypeError)
})

test('the check reads as nobody, whoever asks for it', async () => {
  let asked: unknown
  const engine = engineOf([echo], {
    store: storeThatAnswers(async () => {
      asked = users.tryCurrent()
      return new MemoryStore().system.inspect()
    }),
  })
  asked = 'nothing'
  await users.run(alice, () => engine.checkHealth())
  expect(asked).toBeUndefined()
})

test('a process that is busy with something that does not yield is late', async () => {
  const engine = engineOf([echo])
  const checking = engine.checkHealth({ timeoutMs: 20 })
  const since = performance.now()
  while (performance.now() - since < 60);
  expect((await checking).problems).toContain('event_loop_late')
})

test('a scheduler that lets somebody wait for a slot that is free is stuck', async () => {
  const limits = { ownerConcurrency: 1, concurrency: 1, ownerQueue: 9, queue: 9 }
  const scheduler = new Scheduler(limits)
  const first = scheduler.enter('a', () => undefined)
  const second = scheduler.enter('b', () => undefined)
  expect(scheduler.stuck).toBe(false)
  // Nothing in the scheduler does that: a limit that is raised behind its back does.
  limits.concurrency = 2
  expect(scheduler.stuck).toBe(true)
  first.release()
  await second.granted
  expect(scheduler.stuck).toBe(false)
  second.release()
  await nextTurn()
})
