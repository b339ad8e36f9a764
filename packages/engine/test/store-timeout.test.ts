import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, defineTool } from '../src/index.ts'
import { withStoreDeadline } from '../src/store/store-deadline.ts'
import { engineError } from './support/caught.ts'
import { echo } from './support/echo.ts'
import { engineOf, expectOneStory, runToEnd, storyOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { RecordingLogger } from './support/recording-logger.ts'
import { SilentStore } from './support/silent-store.ts'
import { alice, users } from './support/users.ts'

const empty = z.object({})
const look = defineTool({ name: 'look', input: empty, output: z.null(), run: () => null })

const busy = (begun: () => void) =>
  defineAgent({
    name: 'busy',
    input: empty,
    output: z.null(),
    run: async (_, own) => {
      begun()
      await own.thread?.append({ role: 'user', content: 'hi' })
      // Not waited for: they stand in line behind one that is not answered.
      for (let piece = 0; piece < 5; piece += 1) void own.text('a').catch(() => undefined)
      await own.usage({ inputTokens: 5 })
      return own.call(look, {})
    },
  })

const methods = [
  'runs.append',
  'threads.append',
  'ledger.charge',
  'ledger.hold',
  'ledger.settle',
] as const

test.each(
  methods.flatMap(
    (method) =>
      [
        [method, 'from the start'],
        [method, 'in the middle'],
      ] as const,
  ),
)(
  'a store that does not answer %s %s holds up no run, no slot and no end of the engine',
  { timeout: 10_000 },
  async (method, when) => {
    const store = new SilentStore()
    const agent = busy(() => store.silent.add(method))
    const engine = engineOf([agent, echo], {
      store,
      limits: { storeMs: 20, abortGraceMs: 50 },
      budgets: { owner: { day: { toolCalls: 100 } } },
    })
    if (when === 'from the start') store.silent.add(method)
    await users.run(alice, async () => {
      const { runId, result } = await engine.start('busy', {}, { threadId: 'thread' })
      await result.catch(() => undefined)
      expect(engine.health()).toMatchObject({ running: 0, queued: 0 })
      // The one that is not answered, and the end: what stood in line is not tried one by one.
      expect(method === 'runs.append' ? store.late.length : 2).toBe(2)
      store.silent.clear()
      expect(['completed', 'failed']).toContain((await engine.run(runId)).status)
      expectOneStory(await storyOf(engine, runId))
      expect((await runToEnd(engine, 'echo', { text: 'again' })).at(-1)?.type).toBe(
        'agent_completed',
      )
    })
    store.silent.add(method)
    await engine.close({ graceMs: 0 })
    await expectNothingLeft(engine)
  },
)

test('a start that the store does not answer is refused, and what is stored of it later has its end', async () => {
  const store = new SilentStore()
  const logger = new RecordingLogger()
  const engine = engineOf([echo], { store, logger, limits: { storeMs: 20 } })
  await users.run(alice, async () => {
    store.silent.add('runs.create')
    store.silent.add('runs.append')
    const refusal = await engineError(() => engine.start('echo', { text: 'hi' }))
    expect(refusal).toMatchObject({ code: 'STORE_TIMEOUT', retryAfterMs: 1_000 })
    expect(logger.entries[0]).toMatchObject({
      message: 'the store did not answer in time',
      fields: { method: 'runs.create', storeMs: 20 },
    })
    store.silent.clear()
    // It comes to it now: in the scope of its owner, as a database would.
    await store.late[0]?.()
    const { runs } = await engine.runs()
    expect(runs).toMatchObject([{ status: 'failed', error: { code: 'STORE_TIMEOUT' } }])
  })
  await expectNothingLeft(engine)
})

test('what is watched too late is not watched any more, and every other answer is what it was', async () => {
  const store = new SilentStore()
  const timed = withStoreDeadline(store, 20)
  await users.run(alice, async () => {
    const run = { runId: 'run', agent: 'a', requestId: 'r', createdAt: new Date(0).toISOString() }
    await timed.runs.create(run)
    let woken = 0
    store.silent.add('runs.watch')
    const refusal = await engineError(() => timed.runs.watch('run', () => (woken += 1)))
    expect(refusal.code).toBe('STORE_TIMEOUT')
    await store.late[0]?.()
    await timed.runs.delete('run').catch(() => undefined)
    const draft = { at: run.createdAt, runId: 'run', requestId: 'r', userId: 'alice', agent: 'a' }
    const end = { type: 'agent_cancelled', data: { reason: 'caller', durationMs: 0 } } as const
    await timed.runs.append('run', [{ ...draft, ...end }])
    expect(woken).toBe(0)
    expect(await timed.runs.get('run')).toMatchObject({ status: 'cancelled' })
    expect(await timed.runs.get('none')).toBe(undefined)
    expect((await timed.runs.read('run', undefined, 10))?.events).toHaveLength(1)
    expect((await timed.runs.list()).runs).toHaveLength(1)
    expect(await timed.runs.delete('run')).toBe(true)
    const code = 'MESSAGE_TOO_LARGE'
    const content = 'x'.repeat(300_000)
    const turn = {
      turnId: 't',
      at: run.createdAt,
      messages: [{ messageId: 'm', role: 'user', content }],
    } as const
    expect(await engineError(() => timed.threads.append('thread', turn))).toMatchObject({ code })
    expect(await timed.threads.get('thread')).toBe(undefined)
    expect(await timed.threads.read('thread')).toBe(undefined)
    expect(await timed.threads.list()).toEqual({ threads: [] })
    expect(await timed.threads.delete('thread')).toBe(false)
  })
  expect(await engineError(() => timed.audit.read())).toMatchObject({ code: 'SYSTEM_ONLY' })
  await timed.close()
})

test('a queue that does not answer is waited for no longer than a store', async () => {
  const never = new Promise<never>(() => undefined)
  const queue = { enqueue: () => never, cancel: () => never }
  const engine = engineOf([echo], { queue, limits: { storeMs: 20 } })
  await users.run(alice, async () => {
    const refusal = await engineError(() => engine.start('echo', { text: 'hi' }))
    expect(refusal).toMatchObject({ code: 'STORE_TIMEOUT', retryAfterMs: 1_000 })
  })
  await engine.close({ graceMs: 0 })
})

test('what crosses owners is waited for no longer than a store, either', async () => {
  const store = new SilentStore()
  const engine = engineOf([echo], { store, limits: { storeMs: 20 } })
  store.silent.add('system.inspect').add('audit.read')
  const system = engine.system({ name: 'test' })
  expect(await engineError(() => system.inspect())).toMatchObject({ code: 'STORE_TIMEOUT' })
  expect(await engineError(() => system.trail())).toMatchObject({ code: 'STORE_TIMEOUT' })
  store.silent.clear()
  await engine.close({ graceMs: 0 })
})
