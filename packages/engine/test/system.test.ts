import { runOutside } from '@ringfence/context'
import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  defineAgent,
  defineTool,
  MemoryStore,
  type AuditRecord,
  type Forgotten,
} from '../src/index.ts'
import { caught, engineError } from './support/caught.ts'
import { aborted, deferred, nextTurn, until } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { engineOf, expectOneStory, storyOf } from './support/engine.ts'
import { FailingRunStore } from './support/failing-run-store.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { recordingStore } from './support/recording-store.ts'
import { storeWith } from './support/store-with.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

const secret = 'canary(alice)'

const waits = defineAgent({
  name: 'waits',
  input: z.object({}),
  output: z.null(),
  run: async (_, agent) => {
    await agent.thread?.append({ role: 'user', content: secret })
    await aborted(agent.signal)
    return null
  },
})

const withoutTimes = (records: readonly AuditRecord[]): unknown[] =>
  records.map(({ at: _at, position: _position, ...rest }) => rest)

test.each([
  ['claim', (system) => system.claim({ worker: 'w', leaseMs: 1, limit: 1 }), 'runs'],
  ['sweep', (system) => system.sweep(), 'store'],
  ['migrate', (system) => system.migrate(), 'store'],
  ['inspect', (system) => system.inspect(), 'store'],
  ['inspect', (system) => system.trail(), 'audit trail'],
  ['forget', (system) => system.forget(alice), 'owner'],
] as const satisfies readonly (readonly [
  string,
  (system: ReturnType<ReturnType<typeof engineOf>['system']>) => Promise<unknown>,
  string,
])[])('%s is on the trail: who, what, when and how it ended', async (action, operate, type) => {
  const now = Date.parse('2026-01-01T00:00:00.000Z')
  const engine = engineOf([echo], { now: () => now })
  await operate(engine.system({ name: 'nightly job', reason: 'ticket 1' }))
  const { records } = await engine.system({ name: 'reader' }).trail()
  expect(records.slice(0, 2)).toMatchObject([
    {
      position: 0,
      actor: { kind: 'system', name: 'nightly job' },
      reason: 'ticket 1',
      action,
      resource: { type },
      outcome: 'begun',
      at: '2026-01-01T00:00:00.000Z',
    },
    { position: 1, action, resource: { type }, outcome: 'done' },
  ])
})

test('an operation that fails is on the trail as failed', async () => {
  const memory = new MemoryStore()
  const store = storeWith({
    audit: memory.audit,
    system: {
      claim: () => Promise.reject(new Error('down')),
      sweep: () => Promise.reject(new Error('down')),
      migrate: () => Promise.reject(new Error('down')),
      inspect: () => Promise.reject(new Error('down')),
      forget: () => Promise.reject(new Error('down')),
    },
  })
  const system = engineOf([echo], { store }).system({ name: 'job' })
  expect(await caught(() => system.sweep())).toMatchObject({ cause: { message: 'down' } })
  const { records } = await system.trail()
  expect(records.map(({ outcome }) => outcome).slice(0, 2)).toEqual(['begun', 'failed'])
})

test('what cannot be put on the trail does not happen', async () => {
  const memory = new MemoryStore()
  const audit = { append: () => Promise.reject(new Error('full')), read: () => memory.audit.read() }
  const store = storeWith({ threads: memory.threads, system: memory.system, audit })
  const engine = engineOf([echo], { store })
  await users.run(alice, () => engine.threads.append('t', { role: 'user', content: secret }))
  const system = engine.system({ name: 'job' })
  expect(await caught(() => system.forget(alice))).toMatchObject({ cause: { message: 'full' } })
  await users.run(alice, async () => {
    expect(await engine.threads.get('t')).toMatchObject({ messages: 1 })
  })
})

test('nobody gets there from the scope of a user', async () => {
  const engine = engineOf([echo])
  const outside = engine.system({ name: 'job' })
  await users.run({ userId: 'alice', roles: ['admin'] }, async () => {
    expect((await engineError(() => engine.system({ name: 'job' }))).code).toBe('SYSTEM_ONLY')
    for (const attempt of [() => outside.inspect(), () => outside.forget(alice)]) {
      expect((await engineError(attempt)).code).toBe('SYSTEM_ONLY')
    }
    // On purpose, it works.
    const inspected = await runOutside(() => outside.inspect())
    expect(inspected).toMatchObject({ owners: 0 })
  })
  for (const name of ['', ' ', untyped<string>(undefined)]) {
    expect(() => engine.system({ name })).toThrow(TypeError)
  }
})

test('the operations reach nothing but what they are for: no part of the store is read for anybody', async () => {
  const { store, calls } = recordingStore()
  const engine = engineOf([echo], { store })
  await users.run(alice, async () => (await engine.start('echo', { text: secret })).result)
  const system = engine.system({ name: 'job' })
  calls.length = 0
  await system.claim({ worker: 'w', leaseMs: 1, limit: 1 })
  await system.sweep()
  await system.migrate()
  const inspected = await system.inspect()
  await system.forget(alice)
  const others = calls.filter((call) => !/^(system|audit)\./.test(call))
  expect(others).toEqual([])
  expect(JSON.stringify(inspected)).not.toContain('alice')
})

test('forget ends what the owner has going, removes all that is kept, and says what it was', async () => {
  const engine = engineOf([echo, waits])
  for (const owner of [alice, bob]) {
    await users.run(owner, async () => {
      const input = { text: secret }
      await (
        await engine.start('echo', input, { idempotencyKey: 'k' })
      ).result
      await engine.threads.append('t', { role: 'user', content: 'hello' })
    })
  }
  const going = await users.run(alice, () => engine.start('waits', {}, { threadId: 'going' }))
  const bobs = await users.run(bob, () => engine.start('waits', {}, { threadId: 'going' }))
  await until(() => engine.health().running === 2)
  await nextTurn()
  const forgotten: Forgotten = await engine.system({ name: 'job' }).forget(alice)
  expect(await caught(() => going.result)).toMatchObject({ code: 'REVOKED' })
  expect(forgotten).toMatchObject({ runs: 2, threads: 2, messages: 2, idempotencyKeys: 1 })
  expect(forgotten.events).toBeGreaterThan(3)
  await users.run(alice, async () => {
    expect(await engine.runs()).toEqual({ runs: [] })
    expect(await engine.threads.list()).toEqual({ threads: [] })
    expect(await engine.approvals.list()).toEqual({ approvals: [] })
    // Nothing is left of the key, either: it starts anew.
    const again = await engine.start('echo', { text: 'new' }, { idempotencyKey: 'k' })
    expect(await again.result).toEqual({ text: 'new' })
  })
  await users.run(bob, async () => {
    expect((await engine.runs()).runs).toHaveLength(2)
    expect((await engine.threads.list()).threads).toHaveLength(2)
    await engine.cancel(bobs.runId)
    expectOneStory(await storyOf(engine, bobs.runId))
    await caught(() => bobs.result)
  })
  await expectNothingLeft(engine)
  const { records } = await engine.system({ name: 'reader' }).trail()
  expect(withoutTimes(records).slice(0, 2)).toMatchObject([
    { action: 'forget', resource: { type: 'owner', owner: alice }, outcome: 'begun' },
    { action: 'forget', outcome: 'done', counts: { ...forgotten } },
  ])
  expect(JSON.stringify(records)).not.toContain(secret)
})

test('what an owner who is forgotten left running, or could not be stored, does not bring them back', async () => {
  const leave = deferred()
  const stubborn = defineAgent({
    name: 'stubborn',
    input: z.object({}),
    output: z.string(),
    run: async (_, own) => {
      await own.call(ignores, {}).catch(() => undefined)
      return secret
    },
  })
  const ignores = defineTool({
    name: 'ignores',
    input: z.object({}),
    output: z.null(),
    timeoutMs: 20,
    run: async () => {
      await leave.promise
      return null
    },
  })
  const runs = new FailingRunStore()
  const store = storeWith({ runs })
  const engine = engineOf([stubborn], { store, limits: { abortGraceMs: 20 } })
  runs.fail = (_, events) => {
    if (events.some(({ type }) => type === 'agent_completed')) throw new Error('the disk is full')
  }
  const { runId } = await users.run(alice, async () => {
    const handle = await engine.start('stubborn', {})
    await caught(() => handle.result)
    expect((await engine.run(handle.runId)).result).toBe(secret)
    return handle
  })
  await engine.system({ name: 'job' }).forget(alice)
  expect((await users.run(alice, () => engine.run(runId))).result).toBe(undefined)
  leave.resolve()
  await expectNothingLeft(engine)
  await nextTurn()
  expect(await engine.system({ name: 'job' }).inspect()).toMatchObject({ ledgerAccounts: 0 })
})

// Its scope has closed, so it has no user any more: that makes it nobody no less than Alice's.
test('what was given up and still runs does not get there either', async () => {
  const over = deferred()
  const late = deferred<readonly unknown[]>()
  const stubborn = defineTool({
    name: 'stubborn',
    input: z.object({}),
    output: z.null(),
    timeoutMs: 10,
    run: async () => {
      await over.promise
      const attempts = [
        () => engine.system({ name: 'job' }),
        () => outside.inspect(),
        () => outside.forget(bob),
        () => engine.loads(),
      ]
      const errors: unknown[] = []
      for (const attempt of attempts) errors.push(await caught(attempt))
      late.resolve(errors)
      return null
    },
  })
  const calls = defineAgent({
    name: 'calls',
    input: z.object({}),
    output: z.null(),
    run: (_, own) => own.call(stubborn, {}),
  })
  const engine = engineOf([calls], { limits: { abortGraceMs: 4 } })
  const outside = engine.system({ name: 'job' })
  await users.run(alice, async () => {
    const { result } = await engine.start('calls', {})
    expect(await caught(() => result)).toMatchObject({ code: 'TOOL_DEADLINE' })
  })
  over.resolve()
  for (const error of await late.promise) expect(error).toMatchObject({ code: 'SYSTEM_ONLY' })
  expect(await outside.inspect()).toMatchObject({ owners: 1 })
  await engine.close({ graceMs: 0 })
})
