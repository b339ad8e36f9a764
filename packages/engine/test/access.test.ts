import { expect, test } from 'vitest'
import {
  MemoryStore,
  type AuthorizeAccess,
  type EngineAction,
  type EngineResource,
  type UserExecutionEngine,
} from '../src/index.ts'
import { engineError } from './support/caught.ts'
import { echo } from './support/echo.ts'
import { engineOf } from './support/engine.ts'
import { RecordingLogger } from './support/recording-logger.ts'
import { recordingStore } from './support/recording-store.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

const hi = { text: 'hi' }
const approver = { userId: 'bob', roles: ['approver'] }

async function oneRun(engine: UserExecutionEngine): Promise<string> {
  return users.run(alice, async () => {
    const { runId, result } = await engine.start('echo', hi, { threadId: 't' })
    await result
    await engine.threads.append('t', { role: 'user', content: 'hers' })
    return runId
  })
}

const byId: Record<string, (engine: UserExecutionEngine, id: string) => Promise<unknown>> = {
  'a run': (engine, id) => engine.run(id),
  'its events': (engine, id) => engine.events(id),
  'its cancelling': (engine, id) => engine.cancel(id),
  'its deleting': (engine, id) => engine.delete(id),
  'a thread': (engine, id) => engine.threads.get(id),
  'its messages': (engine, id) => engine.threads.messages(id),
  "a thread's deleting": (engine, id) => engine.threads.delete(id),
  'an approval': (engine, id) => engine.approvals.get(id),
  'its approving': (engine, id) => engine.approvals.approve(id),
  'its denying': (engine, id) => engine.approvals.deny(id),
}

// origins: TLD-4
test.each(Object.entries(byId))(
  'asking for %s of somebody else is asking for what is not there, down to the store calls',
  async (_, ask) => {
    const { store, calls } = recordingStore()
    const engine = engineOf([echo], { store })
    const runId = await oneRun(engine)
    await users.run(alice, () =>
      store.approvals.create({
        approvalId: runId,
        runId,
        callId: 'call-1',
        agent: 'echo',
        tool: 'tool',
        argumentsHash: 'hash',
        requestedAt: new Date(0).toISOString(),
        expiresAt: new Date(Date.now() + 60_000).toISOString(),
      }),
    )
    await users.run(alice, () => engine.threads.append(runId, { role: 'user', content: 'hers' }))
    await users.run(bob, async () => {
      const answerTo = async (id: string): Promise<unknown> => {
        calls.length = 0
        const error = await engineError(() => ask(engine, id))
        return [error.code, error.message.replace(id, 'ID'), ...calls]
      }
      const foreign = await answerTo(runId)
      expect(foreign).toEqual(await answerTo('missing'))
      expect(foreign).toEqual([expect.stringMatching(/_NOT_FOUND$/), expect.any(String), ...calls])
      // It was looked for: an answer that asks nobody proves nothing.
      expect(calls.length).toBeGreaterThan(0)
    })
  },
)

test('by default nobody reaches what is not their own, by whatever name', async () => {
  const { store, calls } = recordingStore()
  const engine = engineOf([echo], { store })
  const runId = await oneRun(engine)
  const owner = alice
  await users.run(approver, async () => {
    calls.length = 0
    const attempts = [
      () => engine.run(runId, { owner }),
      () => engine.cancel(runId, { owner }),
      () => engine.delete(runId, { owner }),
      () => engine.threads.get('t', { owner }),
      () => engine.threads.messages('t', { owner }),
      () => engine.threads.delete('t', { owner }),
      () => engine.approvals.get(runId, { owner }),
      () => engine.approvals.approve(runId, { owner }),
    ]
    for (const attempt of attempts) {
      expect((await engineError(attempt)).code).toMatch(/_NOT_FOUND$/)
    }
    for (const list of [engine.runs({ owner }), engine.threads.list({ owner })]) {
      expect((await engineError(() => list)).code).toBe('FORBIDDEN')
    }
    // Refused before anything is looked up; the attempts are on the trail.
    expect(new Set(calls)).toEqual(new Set(['audit.append']))
  })
  const { records } = await engine.system({ name: 'test' }).trail()
  const refusals = records.filter(({ outcome }) => outcome === 'refused')
  expect(refusals).toHaveLength(10)
  expect(refusals[0]).toMatchObject({
    actor: { kind: 'user', owner: { userId: 'bob' } },
    action: 'read',
    resource: { type: 'run', id: runId, owner: alice },
  })
})

test('authorize lets through what it says, and it is done as the owner, on the trail', async () => {
  const asked: [EngineAction, EngineResource][] = []
  const authorize: AuthorizeAccess = ({ userId, roles }, action, resource) => {
    asked.push([action, resource])
    return resource.owner.userId === userId || (roles.includes('approver') && action === 'read')
  }
  const { store, calls } = recordingStore()
  const engine = engineOf([echo], { store, authorize })
  const runId = await oneRun(engine)
  await users.run(approver, async () => {
    asked.length = 0
    calls.length = 0
    expect(await engine.run(runId, { owner: alice })).toMatchObject({ runId, status: 'completed' })
    expect(asked).toEqual([['read', { type: 'run', id: runId, owner: alice }]])
    expect(calls).toEqual(['audit.append', 'runs.get', 'audit.append'])
    const { messages } = await engine.threads.messages('t', { owner: alice })
    expect(messages).toMatchObject([{ content: 'hers' }])
    const missing = await engineError(() => engine.run('missing', { owner: alice }))
    expect(missing.code).toBe('RUN_NOT_FOUND')
    const cancel = await engineError(() => engine.cancel(runId, { owner: alice }))
    expect(cancel.code).toBe('RUN_NOT_FOUND')
  })
  await users.run(bob, async () => {
    expect((await engineError(() => engine.run(runId, { owner: alice }))).code).toBe(
      'RUN_NOT_FOUND',
    )
  })
  const { records } = await engine.system({ name: 'test' }).trail()
  expect(records.map(({ action, outcome }) => `${action} ${outcome}`).slice(0, 2)).toEqual([
    'read begun',
    'read done',
  ])
})

test("authorize may refuse what is one's own as well: FORBIDDEN, before anything is looked up", async () => {
  const { store, calls } = recordingStore()
  const authorize: AuthorizeAccess = (_, action) => action !== 'delete' && action !== 'list'
  const engine = engineOf([echo], { store, authorize })
  const runId = await oneRun(engine)
  await users.run(alice, async () => {
    calls.length = 0
    for (const refused of [
      () => engine.delete(runId),
      () => engine.delete('missing'),
      () => engine.threads.delete('t'),
      () => engine.runs(),
    ]) {
      expect((await engineError(refused)).code).toBe('FORBIDDEN')
    }
    expect(calls).toEqual([])
    expect(await engine.run(runId)).toMatchObject({ status: 'completed' })
  })
})

test.each([
  ['throws', () => Promise.reject(new Error('down'))],
  ['says something that only looks like a yes', () => untyped<boolean>({ allowed: true })],
  ['says nothing', () => untyped<boolean>(undefined)],
])('an authorize that %s has said no', async (_, authorize) => {
  const { store } = recordingStore()
  const engine = engineOf([echo], { store, authorize })
  const runId = await oneRun(engineOf([echo], { store }))
  await users.run(alice, async () => {
    expect((await engineError(() => engine.run(runId))).code).toBe('FORBIDDEN')
  })
  await users.run(bob, async () => {
    const foreign = await engineError(() => engine.run(runId, { owner: alice }))
    expect(foreign.code).toBe('RUN_NOT_FOUND')
  })
})

test('what cannot be put on the trail does not happen', async () => {
  const memory = new MemoryStore()
  const { runs, threads, approvals, idempotency, ledger, system } = memory
  const audit = {
    append: () => Promise.reject(new Error('down')),
    read: () => Promise.reject(new Error('down')),
  }
  const parts = { runs, threads, approvals, idempotency, ledger, system, audit }
  const store = { ...parts, close: () => memory.close() }
  const engine = engineOf([echo], { store, authorize: () => true })
  const runId = await oneRun(engine)
  await users.run(bob, async () => {
    const refused = await engineError(() => engine.delete(runId, { owner: alice }))
    expect(refused.code).toBe('RUN_NOT_FOUND')
  })
  await users.run(alice, async () => expect(await engine.run(runId)).toMatchObject({ runId }))
})

test('a run is deleted with its events and approvals, once it has ended', async () => {
  const engine = engineOf([echo])
  const runId = await oneRun(engine)
  await users.run(alice, async () => {
    await engine.delete(runId)
    for (const gone of [() => engine.run(runId), () => engine.events(runId)]) {
      expect((await engineError(gone)).code).toBe('RUN_NOT_FOUND')
    }
    expect((await engineError(() => engine.delete(runId))).code).toBe('RUN_NOT_FOUND')
    expect(await engine.threads.get('t')).toMatchObject({ messages: 1 })
  })
})

test('an authorize that throws is a no, and the log says why', async () => {
  const logger = new RecordingLogger()
  const authorize: AuthorizeAccess = () => {
    throw new Error('no connection to the roles')
  }
  const engine = engineOf([echo], { authorize, logger })
  const runId = await oneRun(engine)
  await users.run(alice, async () => {
    expect((await engineError(() => engine.run(runId))).code).toBe('FORBIDDEN')
  })
  await users.run(bob, async () => {
    const error = await engineError(() => engine.run(runId, { owner: alice }))
    expect(error.message).not.toContain('roles')
    expect(error.code).toBe('RUN_NOT_FOUND')
  })
  expect(logger.entries.map(({ message }) => message)).toEqual([
    'authorize failed',
    'authorize failed',
  ])
  expect(logger.text()).toContain('no connection to the roles')
})

test('an id is named on one line, and not without end', async () => {
  const engine = engineOf([echo])
  const id = `a\nb\u0000${'x'.repeat(100_000)}`
  await users.run(alice, async () => {
    for (const ask of Object.values(byId)) {
      const { message } = await engineError(() => ask(engine, id))
      expect(message).toContain('"a\\nb')
      expect(message.length).toBeLessThan(200)
    }
    expect((await engineError(() => engine.start(id, hi))).message.length).toBeLessThan(200)
  })
})
