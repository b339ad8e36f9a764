import { expect, test } from 'vitest'
import * as z from 'zod'
import { AgentError, defineAgent, defineTool } from '../src/index.ts'
import { contextError, engineError } from './support/caught.ts'
import { aborted, deferred, until } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { engineOf } from './support/engine.ts'
import { alice, bob, users } from './support/users.ts'

const waits = defineAgent({
  name: 'waits',
  input: z.object({}),
  output: z.null(),
  run: async (_, agent) => {
    await aborted(agent.signal)
    return null
  },
})
const fails = defineAgent({
  name: 'fails',
  input: z.object({}),
  output: z.null(),
  run: () => {
    throw new AgentError('NO', 'no')
  },
})
const late = defineAgent({
  name: 'late',
  input: z.object({}),
  output: z.null(),
  limits: { runMs: 10 },
  run: async (_, agent) => {
    await aborted(agent.signal)
    return null
  },
})

// origins: UEE-11 EEF-5 TRK-2 G10 BRG-2 BRG-9 UCM-2
test("an owner's statistics tell of each end and of nobody else's runs", async () => {
  const engine = engineOf([echo, waits, fails, late], { limits: { ownerConcurrency: 2 } })
  const outcome = async (agent: string, input: unknown = {}): Promise<void> => {
    const { result } = await engine.start(agent, input)
    await result.catch(() => undefined)
  }
  await users.run(bob, () => outcome('echo', { text: 'hi' }))
  await users.run(alice, async () => {
    await outcome('echo', { text: 'hi' })
    await outcome('fails')
    await outcome('late')
    const cancelled = await engine.start('waits', {})
    await engine.cancel(cancelled.runId)
    for (let run = 0; run < 3; run += 1) await engine.start('waits', {})
    expect(engine.statistics()).toMatchObject({
      total: 7,
      queued: 1,
      running: 2,
      completed: 1,
      failed: 1,
      timedOut: 1,
      cancelled: 1,
      orphans: 0,
      successRate: 0.25,
      failureRate: 0.5,
    })
    expect(engine.statistics().execution.count).toBeGreaterThanOrEqual(3)
    expect(engine.statistics().queueWait.count).toBeGreaterThanOrEqual(5)
    expect(engine.statistics().execution.maxMs).toBeGreaterThanOrEqual(10)
  })
  await users.run(bob, () => {
    expect(engine.statistics()).toMatchObject({ total: 1, completed: 1, running: 0, queued: 0 })
  })
  const { runs, owners, instances } = engine.metrics()
  expect(runs).toMatchObject({ total: 8, completed: 2, running: 2, queued: 1 })
  expect(owners).toBe(2)
  expect(instances.created).toBeGreaterThan(0)
  expect(JSON.stringify(engine.metrics())).not.toContain('alice')
  await engine.close({ graceMs: 0 })
  expect(engine.metrics().runs).toMatchObject({ total: 8, running: 0, queued: 0, cancelled: 4 })
})

// origins: UEE-11 UEE-2
test('how long runs waited and took is told as count, average, least and most', async () => {
  let time = 0
  const takes = deferred()
  const slow = defineAgent({
    name: 'slow',
    input: z.object({ takesMs: z.number() }),
    output: z.null(),
    run: async ({ takesMs }) => {
      await takes.promise
      time += takesMs
      return null
    },
  })
  const engine = engineOf([slow], { limits: { ownerConcurrency: 1 }, now: () => time })
  await users.run(alice, async () => {
    const runs = [
      await engine.start('slow', { takesMs: 30 }),
      await engine.start('slow', { takesMs: 10 }),
      await engine.start('slow', { takesMs: 20 }),
    ]
    takes.resolve()
    for (const { result } of runs) await result
    const { queueWait, execution } = engine.statistics()
    expect(queueWait).toEqual({ count: 3, averageMs: 70 / 3, minMs: 0, maxMs: 40 })
    expect(execution).toEqual({ count: 3, averageMs: 20, minMs: 10, maxMs: 30 })
  })
  await users.run(bob, () => {
    expect(engine.statistics().queueWait).toMatchObject({ count: 0, maxMs: 0 })
  })
})

// origins: EEF-5 AIF-6
test('starts that are refused are counted by code, and are no runs', async () => {
  const engine = engineOf([waits, echo], { limits: { ownerConcurrency: 1, ownerQueue: 1 } })
  await users.run(alice, async () => {
    for (let n = 0; n < 2; n += 1)
      void (await engine.start('waits', {})).result.catch(() => undefined)
    for (let n = 0; n < 3; n += 1) {
      const refusal = await engineError(() => engine.start('waits', {}))
      expect(refusal.code).toBe('OWNER_QUEUE_FULL')
    }
    expect((await engineError(() => engine.start('nobody', {}))).code).toBe('UNKNOWN_AGENT')
  })
  await users.run(bob, async () => {
    expect((await engineError(() => engine.start('echo', { text: 1 }))).code).toBe('INVALID_INPUT')
    await (
      await engine.start('echo', { text: 'hi' })
    ).result
  })
  expect(engine.metrics().refused).toEqual({
    OWNER_QUEUE_FULL: 3,
    UNKNOWN_AGENT: 1,
    INVALID_INPUT: 1,
  })
  expect(engine.metrics().runs).toMatchObject({ total: 3, completed: 1 })
  await engine.close({ graceMs: 0 })
})

test('outside a scope there are no statistics of anybody', async () => {
  const engine = engineOf([echo])
  expect((await contextError(() => engine.statistics())).code).toBe('NO_SCOPE')
  expect((await contextError(() => engine.forgetRuns())).code).toBe('NO_SCOPE')
})

// origins: UEE-3 L24
test('work that ignores its end is counted for its owner until it really ends', async () => {
  const release = deferred()
  const stubborn = defineTool({
    name: 'stubborn',
    input: z.object({}),
    output: z.null(),
    timeoutMs: 5,
    run: async () => {
      await release.promise
      return null
    },
  })
  const calls = defineAgent({
    name: 'calls',
    input: z.object({}),
    output: z.null(),
    run: (_, agent) => agent.call(stubborn, {}),
  })
  const engine = engineOf([calls], { limits: { abortGraceMs: 20 } })
  await users.run(alice, async () => {
    const { result } = await engine.start('calls', {})
    await result.catch(() => undefined)
    expect(engine.statistics()).toMatchObject({ orphans: 1, failed: 1 })
    release.resolve()
    await until(() => engine.statistics().orphans === 0)
  })
})

test('a start that is refused is counted as nothing', async () => {
  const engine = engineOf([echo, waits], { limits: { ownerConcurrency: 1, ownerQueue: 0 } })
  await users.run(alice, async () => {
    await engine.start('waits', {})
    await engine.start('waits', {}).catch(() => undefined)
    await engine.start('echo', { text: 7 }).catch(() => undefined)
    await engine.start('waits', {}, { threadId: '' }).catch(() => undefined)
    expect(engine.statistics().total).toBe(1)
  })
  await engine.close({ graceMs: 0 })
})

test('whoever may not delete runs forgets none; what is forgotten takes its approvals along, and nothing else', async () => {
  const asked: string[] = []
  let allowed = false
  const asks = defineAgent({
    name: 'asks',
    input: z.object({}),
    output: z.null(),
    run: async (_, agent) => {
      await agent.thread?.append({ role: 'user', content: 'remember' })
      await agent.approve({ action: 'anything' }).catch(() => undefined)
      return null
    },
  })
  const engine = engineOf([asks], {
    limits: { approvalMs: 10 },
    authorize: (_, action, { type, id }) => {
      if (action === 'delete') asked.push(`${type} ${String(id)}`)
      return action !== 'delete' || allowed
    },
  })
  const started = { threadId: 'main', idempotencyKey: 'once' }
  await users.run(bob, async () => (await engine.start('asks', {}, started)).result)
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('asks', {}, started)
    await result
    expect((await engineError(() => engine.forgetRuns())).code).toBe('FORBIDDEN')
    expect((await engine.approvals.list()).approvals).toHaveLength(1)
    allowed = true
    expect(await engine.forgetRuns()).toBe(1)
    expect(asked).toEqual(['run undefined', 'run undefined'])
    expect((await engine.approvals.list()).approvals).toEqual([])
    expect((await engine.threads.messages('main')).messages).toHaveLength(1)
    // The key still stands for the run that there was: it is not done twice.
    const again = await engine.start('asks', {}, started)
    expect(again).toMatchObject({ runId, repeated: true })
  })
  await users.run(bob, async () => {
    expect((await engine.approvals.list()).approvals).toHaveLength(1)
    expect((await engine.runs()).runs).toHaveLength(1)
  })
  await engine.close({ graceMs: 0 })
})

// origins: UEE-12 REG-2 EEF-4
test('an owner forgets what has ended, and only what is theirs; doing it again changes nothing', async () => {
  const engine = engineOf([echo, waits])
  const start = async (): Promise<string> => {
    const { runId, result } = await engine.start('echo', { text: 'hi' })
    await result
    return runId
  }
  const [kept] = await users.run(bob, async () => [await start()])
  await users.run(alice, async () => {
    for (let run = 0; run < 130; run += 1) await start()
    const { runId } = await engine.start('waits', {})
    expect(await engine.forgetRuns()).toBe(130)
    expect((await engine.runs()).runs.map((run) => run.runId)).toEqual([runId])
    expect(await engine.forgetRuns()).toBe(0)
    // What goes on is still counted.
    expect(engine.statistics().running).toBe(1)
    await engine.cancel(runId)
    expect(await engine.forgetRuns()).toBe(1)
    expect(engine.statistics()).toMatchObject({ total: 0, completed: 0 })
  })
  await users.run(bob, async () => {
    expect((await engine.runs()).runs.map(({ runId }) => runId)).toEqual([kept])
    expect(engine.statistics().completed).toBe(1)
  })
})
