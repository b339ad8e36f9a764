import { expect, test } from 'vitest'
import * as z from 'zod'
import { tryCurrentScope } from '@ringfence/context'
import { defineAgent, defineTool, type AgentEvent } from '../src/index.ts'
import { contextError } from './support/caught.ts'
import { aborted, deferred, nextTurn } from './support/deferred.ts'
import { collect, engineOf, runToEnd, storyOf, typesOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { alice, bob, users } from './support/users.ts'

/** Who the code at each place believes it works for. */
type Sightings = Record<string, string | undefined>

function observer(): { readonly seen: Sightings; readonly note: (place: string) => void } {
  const seen: Sightings = {}
  return {
    seen,
    note: (place) => {
      seen[place] = tryCurrentScope()?.owner.userId
    },
  }
}

test('an agent works for its own user at every place: think, tool, delegate, timer, microtask', async () => {
  const { seen, note } = observer()
  const look = defineTool({
    name: 'look',
    input: z.object({}),
    output: z.null(),
    run: async () => {
      note('tool')
      await nextTurn()
      note('tool after a turn')
      return null
    },
  })
  const part = defineAgent({
    name: 'part',
    input: z.object({}),
    output: z.null(),
    run: async (_, agent) => {
      note('delegate')
      await agent.call(look, {})
      note('delegate after a tool')
      return null
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: z.object({}),
    output: z.null(),
    run: async (_, execution) => {
      note('run')
      await execution.think('hm')
      note('after think')
      await execution.text('ah')
      note('after text')
      await execution.call(look, {})
      note('after call')
      await execution.delegate(part, {})
      note('after delegate')
      await new Promise<void>((resolve) => setTimeout(() => (note('timer'), resolve()), 1))
      await new Promise<void>((resolve) => queueMicrotask(() => (note('microtask'), resolve())))
      return null
    },
  })
  const engine = engineOf([agent])
  // Started in a scope that has closed before the run executes; pulled by nobody.
  const { result } = await users.run(alice, () => engine.start('agent', {}))
  await users.run(bob, () => result)
  expect(Object.keys(seen)).toHaveLength(11)
  expect(new Set(Object.values(seen))).toEqual(new Set(['alice']))
})

test("cancelled from another request, its listeners and its finally still run in the run's own scope", async () => {
  const { seen, note } = observer()
  const started = deferred()
  const cleaned = deferred()
  const waits = defineTool({
    name: 'waits',
    input: z.object({}),
    output: z.null(),
    run: async (_, { signal }) => {
      signal.addEventListener('abort', () => note('tool listener'))
      started.resolve()
      await aborted(signal)
      note('tool after abort')
      return null
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: z.object({}),
    output: z.null(),
    run: async (_, execution) => {
      execution.signal.addEventListener('abort', () => note('listener'))
      try {
        return await execution.call(waits, {})
      } finally {
        note('finally')
        cleaned.resolve()
      }
    },
  })
  const engine = engineOf([agent])
  const handle = await users.run({ ...alice, requestId: 'first' }, () => engine.start('agent', {}))
  await started.promise
  await users.run({ ...alice, requestId: 'second' }, async () => {
    const record = await engine.cancel(handle.runId)
    expect(record).toMatchObject({ status: 'cancelled', requestId: 'first' })
  })
  await cleaned.promise
  expect(seen).toEqual({
    listener: 'alice',
    'tool listener': 'alice',
    'tool after abort': 'alice',
    finally: 'alice',
  })
})

test("a disconnect signal aborted in another owner's scope does not move the run there", async () => {
  const { seen, note } = observer()
  const started = deferred()
  const agent = defineAgent({
    name: 'agent',
    input: z.object({}),
    output: z.null(),
    run: async (_, execution) => {
      execution.signal.addEventListener('abort', () => note('listener'))
      started.resolve()
      await aborted(execution.signal)
      note('after abort')
      return null
    },
  })
  const engine = engineOf([agent])
  const leave = new AbortController()
  const { runId } = await users.run(alice, () =>
    engine.start('agent', {}, { signal: leave.signal }),
  )
  await started.promise
  await users.run(bob, () => leave.abort())
  await users.run(alice, async () => {
    expect((await storyOf(engine, runId)).at(-1)).toMatchObject({
      type: 'agent_cancelled',
      data: { reason: 'disconnect' },
      userId: 'alice',
    })
  })
  expect(seen).toEqual({ listener: 'alice', 'after abort': 'alice' })
})

test("a slot handed over by another owner's run does not bring that owner along", async () => {
  const { seen, note } = observer()
  const gate = deferred()
  const agent = defineAgent({
    name: 'agent',
    input: z.object({ place: z.string() }),
    output: z.null(),
    run: async ({ place }) => {
      note(place)
      await gate.promise
      note(`${place}, later`)
      return null
    },
  })
  const engine = engineOf([agent], { limits: { concurrency: 1 } })
  const start = (user: { userId: string }, place: string): Promise<{ result: Promise<unknown> }> =>
    users.run(user, () => engine.start('agent', { place }))
  const runs = [await start(alice, 'one'), await start(bob, 'two'), await start(alice, 'three')]
  gate.resolve()
  await Promise.all(runs.map(({ result }) => result))
  expect(seen).toEqual({
    one: 'alice',
    'one, later': 'alice',
    two: 'bob',
    'two, later': 'bob',
    three: 'alice',
    'three, later': 'alice',
  })
})

test('events are pulled from no scope and from own scopes; another owner gets CROSS_OWNER and no event', async () => {
  const gate = deferred()
  const agent = defineAgent({
    name: 'agent',
    input: z.object({}),
    output: z.null(),
    run: async (_, execution) => {
      await execution.think('one')
      await gate.promise
      await execution.think('two')
      return null
    },
  })
  const engine = engineOf([agent])
  const opened = deferred<AsyncIterableIterator<AgentEvent>>()
  const done = deferred()
  const request = users.run(alice, async () => {
    const { runId } = await engine.start('agent', {})
    opened.resolve(await engine.events(runId))
    await done.promise
  })
  const events = await opened.promise
  const pulled: AgentEvent[] = []
  const pull = async (): Promise<void> => {
    const next = await events.next()
    if (next.done !== true) pulled.push(next.value)
  }
  await pull()
  await users.run(bob, async () => {
    expect((await contextError(() => events.next())).code).toBe('CROSS_OWNER')
    expect((await contextError(() => events.return?.())).code).toBe('CROSS_OWNER')
  })
  await users.run(alice, pull)
  gate.resolve()
  pulled.push(...(await collect(events)))
  expect(typesOf(pulled)).toEqual([
    'agent_started',
    'agent_thinking',
    'agent_thinking',
    'agent_completed',
  ])
  done.resolve()
  await request
})

// origins: BRG-8 L23
test('the run keeps the context it was started with: request, roles and fields of the application', async () => {
  const agent = defineAgent({
    name: 'agent',
    input: z.object({}),
    output: z.unknown(),
    run: () => ({ ...users.current() }),
  })
  const engine = engineOf([agent])
  const context = {
    ...alice,
    tenantId: 'acme',
    plan: 'pro',
    roles: ['reader'],
    requestId: 'r-7',
  } as const
  const { runId, result } = await users.run(context, () =>
    engine.start('agent', {}, { threadId: 't-1' }),
  )
  await expect(result).resolves.toEqual({ ...context, threadId: 't-1', runId })
  await users.run({ ...alice, tenantId: 'acme' }, async () => {
    const events = await storyOf(engine, runId)
    for (const event of events) {
      expect(event).toMatchObject({ runId, userId: 'alice', requestId: 'r-7', threadId: 't-1' })
    }
    expect(events).toHaveLength(2)
  })
})

// origins: L9 BRG-1
test('without a scope nothing of the engine works', async () => {
  const agent = defineAgent({
    name: 'agent',
    input: z.object({}),
    output: z.null(),
    run: () => null,
  })
  const engine = engineOf([agent])
  const attempts: [string, () => unknown][] = [
    ['start', () => engine.start('agent', {})],
    ['start of an unknown agent', () => engine.start('nope', {})],
    ['run', () => engine.run('x')],
    ['runs', () => engine.runs()],
    ['events', () => engine.events('x')],
    ['cancel', () => engine.cancel('x')],
    ['delete', () => engine.delete('x')],
    ['statistics', () => engine.statistics()],
    ['forget runs', () => engine.forgetRuns()],
    ['instances', () => engine.instances.create('agent')],
    ['ledger of a run', () => engine.ledger.run('x')],
    ['ledger', () => engine.ledger.sums()],
    ['windows of the ledger', () => engine.ledger.windows('day')],
    ['threads', () => engine.threads.list()],
    ['thread', () => engine.threads.get('x')],
    ['messages', () => engine.threads.messages('x')],
    ['delete thread', () => engine.threads.delete('x')],
    ['approvals', () => engine.approvals.list()],
    ['approval', () => engine.approvals.get('x')],
    ['approve', () => engine.approvals.approve('x')],
    ['deny', () => engine.approvals.deny('x')],
  ]
  for (const [what, attempt] of attempts) {
    expect([what, (await contextError(attempt)).code]).toEqual([what, 'NO_SCOPE'])
  }
  await users.run(alice, async () => {
    await runToEnd(engine, 'agent')
  })
  await expectNothingLeft(engine)
})
