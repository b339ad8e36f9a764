import { expect, test } from 'vitest'
import * as z from 'zod'
import { currentScope, inspect } from '@ringfence/context'
import {
  AgentRegistry,
  createAgentInstanceFactory,
  defineAgent,
  type AgentDefinition,
  type AgentInstance,
  type AgentInstanceFactory,
} from '../src/index.ts'
import { caught, contextError, engineError } from './support/caught.ts'
import { aborted, deferred } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { engineOf, expectOneStory, runToEnd } from './support/engine.ts'
import { alice, bob, users } from './support/users.ts'

const whoAmI = defineAgent({
  name: 'who-am-i',
  input: z.object({}),
  output: z.object({ userId: z.string() }),
  run: () => ({ userId: users.current().userId }),
})

function factoryOf(...agents: readonly AgentDefinition[]): AgentInstanceFactory {
  const registry = new AgentRegistry()
  for (const agent of agents) registry.register(agent)
  return createAgentInstanceFactory({ agents: registry.freeze() })
}

test('outside a scope there is nobody to make an instance for', async () => {
  const instances = factoryOf(whoAmI)
  expect((await contextError(() => instances.create('who-am-i'))).code).toBe('NO_SCOPE')
  expect(instances.metrics()).toMatchObject({ created: 0, active: 0, disposed: 0, failed: 1 })
})

// origins: AIF-4 AIF-12 S-3
test('one factory serves two users at once, each with their own context', async () => {
  const instances = factoryOf(whoAmI)
  const bothInside = deferred()
  let inside = 0
  const asUser = (user: { userId: string }): Promise<unknown> =>
    users.run(user, async () => {
      const instance = instances.create('who-am-i')
      if (++inside === 2) bothInside.resolve()
      await bothInside.promise
      return instance.execute({})
    })
  await expect(Promise.all([asUser(alice), asUser(bob)])).resolves.toEqual([
    { userId: 'alice' },
    { userId: 'bob' },
  ])
})

test("in another owner's scope an instance refuses with CROSS_OWNER, and nothing runs", async () => {
  let runs = 0
  const counts = defineAgent({
    name: 'counts',
    input: z.object({}),
    output: z.number(),
    run: () => (runs += 1),
  })
  const instances = factoryOf(counts)
  const made = deferred<AgentInstance>()
  const done = deferred()
  const owner = users.run(alice, async () => {
    made.resolve(instances.create('counts'))
    await done.promise
  })
  const stolen = await made.promise
  await users.run(bob, async () => {
    expect((await contextError(() => stolen.execute({}))).code).toBe('CROSS_OWNER')
  })
  await users.run(alice, async () => {
    expect((await contextError(() => stolen.execute({}))).code).toBe('CROSS_OWNER')
  })
  expect((await contextError(() => stolen.execute({}))).code).toBe('SCOPE_LOST')
  done.resolve()
  await owner
  expect(runs).toBe(0)
})

// origins: AIF-11 AIF-15 REG-2
test('after its scope an instance is over: SCOPE_CLOSED', async () => {
  const instances = factoryOf(whoAmI)
  const kept = await users.run(alice, () => instances.create('who-am-i'))
  await users.run(alice, async () => {
    expect((await contextError(() => kept.execute({}))).code).toBe('SCOPE_CLOSED')
  })
})

test('an instance works in the scopes inside its own, as often as it is asked', async () => {
  const instances = factoryOf(whoAmI)
  await users.run(alice, async () => {
    const instance = instances.create('who-am-i')
    const results = [
      await instance.execute({}),
      await instance.execute({}),
      await users.child({ threadId: 't1' }, () => instance.execute({})),
    ]
    expect(results).toEqual(Array.from({ length: 3 }, () => ({ userId: 'alice' })))
  })
})

test('the metrics count what was made, what is there and what has gone', async () => {
  const instances = factoryOf(whoAmI)
  await users.run(alice, async () => {
    instances.create('who-am-i')
    await users.child({}, () => {
      instances.create('who-am-i')
      expect(instances.metrics()).toMatchObject({ created: 2, active: 2, disposed: 0 })
    })
    expect(instances.metrics()).toMatchObject({ created: 2, active: 1, disposed: 1 })
  })
  expect(instances.metrics()).toMatchObject({ created: 2, active: 0, disposed: 2 })
  await expect(
    users.run(bob, () => {
      instances.create('who-am-i')
      throw new Error('the scope fails')
    }),
  ).rejects.toThrow('the scope fails')
  expect(instances.metrics()).toMatchObject({ created: 3, active: 0, disposed: 3 })
})

// origins: AIF-7 AIF-12
test('an unknown agent and an input that does not fit are refused, and counted as nothing', async () => {
  const instances = factoryOf(echo)
  await users.run(alice, async () => {
    expect((await engineError(() => instances.create('nope'))).code).toBe('UNKNOWN_AGENT')
    expect(instances.metrics().created).toBe(0)
    const error = await engineError(() => instances.create('echo').execute({ text: 7 }))
    expect(error).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path: 'text' }] })
  })
})

test('what the agent throws reaches the caller as it is', async () => {
  const reason = new RangeError('too far')
  const fails = defineAgent({
    name: 'fails',
    input: z.object({}),
    output: z.null(),
    run: () => {
      throw reason
    },
  })
  const instances = factoryOf(fails)
  await users.run(alice, async () => {
    expect(await caught(() => instances.create('fails').execute({}))).toBe(reason)
  })
})

test('an instance that is still executing ends with the scope it was made in', async () => {
  const started = deferred()
  const stopped = deferred()
  const waits = defineAgent({
    name: 'waits',
    input: z.object({}),
    output: z.null(),
    run: async (_, agent) => {
      started.resolve()
      await aborted(agent.signal)
      stopped.resolve()
      return null
    },
  })
  const instances = factoryOf(waits)
  const failure = users.run(alice, async () => {
    instances
      .create('waits')
      .execute({})
      .catch(() => undefined)
    await started.promise
    throw new Error('the request fails')
  })
  await expect(failure).rejects.toThrow('the request fails')
  await stopped.promise
  expect(inspect().openScopes).toBe(0)
})

// origins: L21
test("inside a run an instance's events join the run's, in the run's one order", async () => {
  const composed = defineAgent({
    name: 'composed',
    input: z.object({ text: z.string() }),
    output: z.unknown(),
    run: async (input, agent) => {
      await agent.think('before')
      const result = await engine.instances.create('echo').execute(input)
      await agent.think('after')
      return result
    },
  })
  const engine = engineOf([composed, echo])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'composed', { text: 'hi' })
    expectOneStory(events)
    expect(events.filter(({ type }) => type === 'agent_thinking')).toMatchObject([
      { agent: 'composed', data: { text: 'before' } },
      { agent: 'echo', data: { text: 'about hi' } },
      { agent: 'composed', data: { text: 'after' } },
    ])
  })
})

// origins: AIF-10
test("outside a run an engine's instances execute in the scope they are made in, and tell nobody", async () => {
  const scoped = defineAgent({
    name: 'scoped',
    input: z.object({}),
    output: z.string(),
    run: async (_, agent) => {
      await agent.think('unheard')
      return currentScope().context.requestId
    },
  })
  const engine = engineOf([scoped])
  await users.run({ ...alice, requestId: 'r-1' }, async () => {
    await expect(engine.instances.create('scoped').execute({})).resolves.toBe('r-1')
    await expect(engine.runs()).resolves.toEqual({ runs: [] })
  })
})
