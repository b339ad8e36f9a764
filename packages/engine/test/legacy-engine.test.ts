import { inspect } from '@ringfence/context'
import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  createLegacyAccess,
  UserExecutionEngine as LegacyEngine,
  type LegacyEmitter,
} from '../src/compat/index.ts'
import {
  AgentError,
  defineAgent,
  pipeline,
  type AgentDefinition,
  type AgentEvent,
  type UserExecutionEngine,
} from '../src/index.ts'
import { contextError, engineError } from './support/caught.ts'
import { aborted, deferred } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { engineOf, expectOneStory, typesOf } from './support/engine.ts'
import { RecordingLogger } from './support/recording-logger.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

const started = deferred()
const waits = defineAgent({
  name: 'waits',
  input: z.object({}),
  output: z.null(),
  run: async (_, agent) => {
    started.resolve()
    await aborted(agent.signal)
    return null
  },
})
const fails = defineAgent({
  name: 'fails',
  input: z.object({}),
  output: z.null(),
  run: () => {
    throw new AgentError('UNREADABLE_LOG', 'line 17 is no number')
  },
})
const cyclic = defineAgent({
  name: 'cyclic',
  input: z.object({}),
  output: z.unknown(),
  run: () => {
    const value: { self?: unknown } = {}
    value.self = value
    return value
  },
})
const crashes = defineAgent({
  name: 'crashes',
  input: z.object({}),
  output: z.null(),
  run: () => {
    throw new Error('secret of the server')
  },
})
const last = defineAgent({ name: 'last', input: z.null(), output: z.null(), run: () => null })
const staged = pipeline({ name: 'staged', stages: [crashes, last] })

function asUser<Result>(
  user: { readonly userId: string },
  use: (engine: LegacyEngine, shared: UserExecutionEngine) => Promise<Result>,
  emit?: LegacyEmitter,
  logger?: RecordingLogger,
): Promise<Result> {
  const agents: AgentDefinition[] = [echo, waits, fails, cyclic, crashes, staged]
  const engine = engineOf(agents)
  const legacy = createLegacyAccess({
    engine,
    emitWarning: () => undefined,
    ...(logger === undefined ? {} : { logger }),
  })
  return legacy.run(() => users.run(user, () => use(LegacyEngine.fromLegacy(emit), engine)))
}

// origins: UEE-5 UEE-7
test('a run that completes is a success with its data, and its events were pushed in order', async () => {
  const events: AgentEvent[] = []
  await asUser(
    alice,
    async (engine) => {
      const result = await engine.executeAgent('echo', { text: 'hi' })
      expect(result).toMatchObject({
        success: true,
        agentName: 'echo',
        runId: expect.any(String),
        data: { text: 'hi' },
        metadata: { status: 'completed' },
      })
      expect(result.durationMs).toBeGreaterThanOrEqual(0)
      expect(result.error).toBeUndefined()
    },
    (event) => {
      expect(users.current().userId).toBe('alice')
      events.push(event)
    },
  )
  expectOneStory(events)
  expect(typesOf(events)).toEqual(['agent_started', 'agent_thinking', 'agent_completed'])
})

// origins: UEE-6 UEE-8 L5 L19 FBK-1
test.each([
  ['fails', {}, 'failed', 'UNREADABLE_LOG'],
  ['crashes', {}, 'failed', 'AGENT_FAILED'],
  ['staged', {}, 'failed', 'AGENT_FAILED'],
  ['cyclic', {}, 'failed', 'INVALID_OUTPUT'],
  ['echo', { text: 7 }, 'refused', 'INVALID_INPUT'],
  ['nope', {}, 'refused', 'UNKNOWN_AGENT'],
])('%s with %j does not throw, and is never a success', async (name, input, status, code) => {
  await asUser(alice, async (engine) => {
    const result = await engine.executeAgent(name, input)
    expect(result).toMatchObject({
      success: false,
      agentName: name,
      error: { code },
      metadata: { status },
    })
    expect(result.data).toBeUndefined()
    expect(JSON.stringify(result)).not.toContain('secret')
  })
})

// origins: AIF-1 UEE-4
test("a user context that is not the scope's own is refused; its own is taken", async () => {
  const engine = engineOf([echo])
  const legacy = createLegacyAccess({ engine, emitWarning: () => undefined })
  await legacy.run(() =>
    users.run({ userId: 'alice', tenantId: 'acme' }, async () => {
      for (const other of [{ userId: 'bob', tenantId: 'acme' }, { userId: 'alice' }]) {
        const error = await contextError(() => LegacyEngine.fromLegacy(null, other))
        expect(error.code).toBe('CROSS_OWNER')
      }
      const own = LegacyEngine.fromLegacy(null, { userId: 'alice', tenantId: 'acme' })
      expect((await own.executeAgent('echo', { text: 'hi' })).success).toBe(true)
    }),
  )
})

// origins: UEE-1
test('it is made by `fromLegacy` alone, with an emitter that is one', async () => {
  const make = untyped<new (...given: unknown[]) => LegacyEngine>(LegacyEngine)
  expect(() => new make()).toThrow('UserExecutionEngine.fromLegacy()')
  await asUser(alice, async (_, shared) => {
    expect(() => new make(shared, undefined)).toThrow(TypeError)
    expect(() => LegacyEngine.fromLegacy(untyped({}))).toThrow('Expected `emit` to be a function')
  })
})

// origins: UEE-4 UEE-12
test('it belongs to its scope: elsewhere and afterwards every member refuses', async () => {
  let kept: LegacyEngine | undefined
  const handedOver = deferred()
  const done = deferred()
  const owner = asUser(alice, async (engine) => {
    kept = engine
    handedOver.resolve()
    await done.promise
  })
  await handedOver.promise
  await users.run(bob, async () => {
    for (const attempt of [
      () => kept?.executeAgent('echo', { text: 'hi' }),
      () => kept?.cleanup(),
      () => kept?.instances,
    ]) {
      expect((await contextError(attempt)).code).toBe('CROSS_OWNER')
    }
  })
  done.resolve()
  await owner
  await users.run(alice, async () => {
    const error = await contextError(() => kept?.executeAgent('echo', { text: 'hi' }))
    expect(error.code).toBe('SCOPE_CLOSED')
  })
})

// origins: UEE-12 EEF-4
test('cleaning up ends a run that is being followed, and waits for its end', async () => {
  const told = deferred()
  await asUser(
    alice,
    async (engine, shared) => {
      const result = engine.executeAgent('waits', {})
      // It has begun, and somebody has been told.
      await told.promise
      await engine.cleanup()
      const { runs } = await shared.runs()
      expect(runs).toMatchObject([{ status: 'cancelled', endedAt: expect.any(String) }])
      expect(await result).toMatchObject({ success: false, metadata: { status: 'cancelled' } })
    },
    () => told.resolve(),
  )
  expect(inspect().openScopes).toBe(0)
})

// origins: UEE-12 EEF-4
test('cleaning up ends what is being started, waits for it, and can be done again', async () => {
  await asUser(alice, async (engine, shared) => {
    const result = engine.executeAgent('waits', {})
    await started.promise
    await Promise.all([engine.cleanup(), engine.cleanup()])
    expect(await result).toMatchObject({ success: false, metadata: { status: 'cancelled' } })
    expect(shared.health().running).toBe(0)
    await engine.cleanup()
    const refused = await engineError(() => engine.executeAgent('echo', { text: 'hi' }))
    expect(refused.code).toBe('ENGINE_CLOSED')
  })
  expect(inspect().openScopes).toBe(0)
})

test('what an emitter throws is logged, and changes nothing for the run', async () => {
  const logger = new RecordingLogger()
  await asUser(
    alice,
    async (engine) => {
      expect((await engine.executeAgent('echo', { text: 'hi' })).success).toBe(true)
    },
    () => {
      throw new Error('the socket is gone')
    },
    logger,
  )
  expect(logger.text()).toContain('the socket is gone')
})

// origins: L6 UEE-2
test('engines that are made for each request share the limits of the one behind them', async () => {
  let running = 0
  let most = 0
  const counts = defineAgent({
    name: 'counts',
    input: z.object({}),
    output: z.null(),
    run: async () => {
      running += 1
      most = Math.max(most, running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running -= 1
      return null
    },
  })
  const engine = engineOf([counts], { limits: { ownerConcurrency: 2 } })
  const legacy = createLegacyAccess({ engine, emitWarning: () => undefined })
  const results = await Promise.all(
    Array.from({ length: 8 }, () =>
      legacy.run(() =>
        users.run(alice, () => LegacyEngine.fromLegacy().executeAgent('counts', {})),
      ),
    ),
  )
  expect(results.filter(({ success }) => success)).toHaveLength(8)
  expect(most).toBe(2)
})
