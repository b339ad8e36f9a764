import { inspect } from '@ringfence/context'
import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  createLegacyAccess,
  getAgentInstanceFactory,
  legacyRemovedIn,
  UserExecutionEngine,
  type LegacyAccess,
  type LegacyAccessOptions,
} from '../src/compat/index.ts'
import { CallSites } from '../src/compat/call-sites.ts'
import {
  defineAgent,
  type AgentDefinition,
  type AgentInstanceFactory,
  type UserExecutionEngine as Engine,
} from '../src/index.ts'
import manifest from '../package.json' with { type: 'json' }
import { contextError, engineError } from './support/caught.ts'
import { deferred } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { engineOf, runToEnd } from './support/engine.ts'
import { RecordingLogger } from './support/recording-logger.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

interface Migration {
  readonly engine: Engine
  readonly legacy: LegacyAccess
  readonly logger: RecordingLogger
  readonly warnings: unknown[][]
}

function migrationOf(
  options: Partial<LegacyAccessOptions> = {},
  agents: readonly AgentDefinition[] = [echo],
): Migration {
  const engine = engineOf(agents)
  const logger = new RecordingLogger()
  const warnings: unknown[][] = []
  const emitWarning = (...warning: unknown[]): void => void warnings.push(warning)
  const legacy = createLegacyAccess({ engine, logger, emitWarning, ...options })
  return { engine, legacy, logger, warnings }
}

// origins: AIF-2 S-6
test('it warns once for each place that calls, with code, caller and replacement', async () => {
  const { legacy, logger, warnings } = migrationOf()
  const here = (): AgentInstanceFactory => {
    // Not a tail call: Bun's engine leaves no frame of one, and would name the caller's caller.
    const instances = getAgentInstanceFactory()
    return instances
  }
  await legacy.run(() =>
    users.run(alice, async () => {
      for (let call = 0; call < 3; call += 1) here()
      await expect(here().create('echo').execute({ text: 'hi' })).resolves.toEqual({ text: 'hi' })
      getAgentInstanceFactory()
    }),
  )
  expect(warnings).toHaveLength(2)
  const [message, options] = warnings[0] ?? []
  expect(message).toContain('getAgentInstanceFactory() is deprecated')
  expect(message).toContain(`goes with version ${legacyRemovedIn}`)
  expect(message).toContain('Use engine.instances instead')
  expect(options).toMatchObject({ type: 'DeprecationWarning', code: 'RINGFENCE_DEP0001' })
  expect(logger.entries).toHaveLength(2)
  expect(logger.entries[0]).toMatchObject({
    level: 'warn',
    fields: {
      code: 'RINGFENCE_DEP0001',
      name: 'getAgentInstanceFactory',
      caller: expect.stringMatching(/:\d+:\d+$/),
      replacement: 'engine.instances',
      removedIn: legacyRemovedIn,
    },
  })
  expect(logger.text()).not.toContain('alice')
})

// origins: AIF-2 S-9
test('the report says what is still called, how often and from where: none is the end of it', async () => {
  const { legacy } = migrationOf()
  expect(legacy.report()).toEqual({ calls: 0, sites: [], otherCalls: 0 })
  const often = (): unknown => getAgentInstanceFactory()
  await legacy.run(() =>
    users.run(alice, () => {
      UserExecutionEngine.fromLegacy()
      for (let call = 0; call < 4; call += 1) often()
    }),
  )
  expect(legacy.report()).toMatchObject({
    calls: 5,
    otherCalls: 0,
    sites: [
      { name: 'getAgentInstanceFactory', calls: 4 },
      { name: 'UserExecutionEngine.fromLegacy', calls: 1 },
    ],
  })
  expect(JSON.stringify(legacy.report())).not.toContain('alice')
})

test('sites are bounded: what is beyond them is counted, and is never the first of its site', () => {
  const sites = new CallSites()
  const firsts = Array.from({ length: 250 }, (_, line) =>
    sites.add('getAgentInstanceFactory', `generated.js:${line}:1`),
  )
  expect(firsts.filter(Boolean)).toHaveLength(200)
  expect(sites.add('getAgentInstanceFactory', 'generated.js:3:1')).toBe(false)
  const report = sites.report()
  expect(report).toMatchObject({ calls: 251, otherCalls: 50 })
  expect(report.sites).toHaveLength(200)
  expect(report.sites[0]).toMatchObject({ caller: 'generated.js:3:1', calls: 2 })
})

// origins: AIF-2 G3
test('a factory that one user kept is refused in the scope of another, and after its own', async () => {
  const { legacy } = migrationOf()
  let kept: AgentInstanceFactory | undefined
  const shared = (): AgentInstanceFactory => (kept ??= getAgentInstanceFactory())
  const bobLeft = deferred()
  const aliceKeeps = deferred()
  const first = legacy.run(() =>
    users.run(alice, async () => {
      shared().create('echo')
      aliceKeeps.resolve()
      await bobLeft.promise
    }),
  )
  await aliceKeeps.promise
  const violations = inspect().violations.CROSS_OWNER ?? 0
  await legacy.run(() =>
    users.run(bob, async () => {
      expect((await contextError(() => shared().create('echo'))).code).toBe('CROSS_OWNER')
    }),
  )
  expect(inspect().violations.CROSS_OWNER).toBe(violations + 1)
  bobLeft.resolve()
  await first
  await legacy.run(() =>
    users.run(alice, async () => {
      expect((await contextError(() => shared().create('echo'))).code).toBe('SCOPE_CLOSED')
    }),
  )
})

// origins: AIF-2
test('with "throw" every call is refused, says what to use, and is still counted', async () => {
  const { legacy, warnings } = migrationOf({ deprecation: 'throw' })
  await legacy.run(() =>
    users.run(alice, async () => {
      const error = await engineError(() => getAgentInstanceFactory())
      expect(error.code).toBe('DEPRECATED')
      expect(error.message).toContain('Use engine.instances instead')
      expect((await engineError(() => UserExecutionEngine.fromLegacy())).code).toBe('DEPRECATED')
    }),
  )
  expect(legacy.report().calls).toBe(2)
  expect(warnings).toEqual([])
})

test('outside a scope there is NO_SCOPE; where no access was made it says how to get one', async () => {
  const { legacy } = migrationOf()
  for (const call of [getAgentInstanceFactory, UserExecutionEngine.fromLegacy]) {
    expect((await contextError(() => legacy.run(() => call()))).code).toBe('NO_SCOPE')
    await users.run(alice, async () => {
      const error = await engineError(() => call())
      expect(error.code).toBe('DEPRECATED')
      expect(error.message).toContain('createLegacyAccess')
    })
  }
})

// origins: L9 EEF-6
test('two engines in one process keep their own access; agents that are run inside have it too', async () => {
  const nested = defineAgent({
    name: 'nested',
    input: z.object({ text: z.string() }),
    output: z.unknown(),
    run: (input) => getAgentInstanceFactory().create('echo').execute(input),
  })
  const one = migrationOf({}, [echo, nested])
  const other = migrationOf({}, [echo, nested])
  const aliceIsIn = deferred()
  const bobHasLeft = deferred()
  const nests = async ({ engine }: Migration, times: number): Promise<void> => {
    for (let time = 0; time < times; time += 1) {
      const events = await runToEnd(engine, 'nested', { text: 'hi' })
      expect(events.at(-1)).toMatchObject({ data: { result: { text: 'hi' } } })
    }
  }
  // Whoever entered first leaves last: neither the first nor the last one to enter is everybody's.
  const first = one.legacy.run(() =>
    users.run(alice, async () => {
      await nests(one, 1)
      aliceIsIn.resolve()
      await bobHasLeft.promise
      await nests(one, 1)
    }),
  )
  await aliceIsIn.promise
  await other.legacy.run(() => users.run(bob, () => nests(other, 3)))
  bobHasLeft.resolve()
  await first
  expect(one.legacy.report().calls).toBe(2)
  expect(other.legacy.report().calls).toBe(3)
  for (const [{ engine }, made] of [
    [one, 2],
    [other, 3],
  ] as const) {
    // The instance that each asked for, beside the one of each run.
    expect(engine.instances.metrics().created).toBe(made * 2)
  }
})

// origins: AEC-2
test('a warning that cannot be logged or emitted is no failure of the call that it is about', async () => {
  const logger = {
    warn: () => {
      throw new Error('the disk is full')
    },
    error: () => undefined,
  }
  const { legacy } = migrationOf({ logger })
  await legacy.run(() => users.run(alice, () => getAgentInstanceFactory().create('echo')))
  expect(legacy.report().calls).toBe(1)
  const emitWarning = (): never => {
    throw new Error('no warnings here')
  }
  const other = migrationOf({ emitWarning })
  await other.legacy.run(() => users.run(alice, () => getAgentInstanceFactory().create('echo')))
  expect(other.logger.entries).toMatchObject([{ level: 'warn' }, { level: 'error' }])
})

test.each<[Record<string, unknown> | undefined, string]>([
  [undefined, 'Expected the options of a legacy access to be an object'],
  [{}, 'Expected `engine` to be an object, got undefined'],
  [{ engine: engineOf([echo]), emitWarning: true }, 'Expected `emitWarning` to be a function'],
])('no access is made with %j', (options, message) => {
  expect(() => createLegacyAccess(untyped(options))).toThrow(message)
})

test('a mode that is none is refused', () => {
  const engine = engineOf([echo])
  const deprecation = untyped<'warn'>('silent')
  expect(() => createLegacyAccess({ engine, deprecation })).toThrow(TypeError)
})

// origins: AIF-2 S-6
test('it is gone in the version that it names: this fails when that version is reached', () => {
  const [major = 0] = manifest.version.split('.').map(Number)
  const [removedIn = 0] = legacyRemovedIn.split('.').map(Number)
  expect(legacyRemovedIn).toMatch(/^\d+\.0\.0$/)
  expect(major).toBeLessThan(removedIn)
  expect(manifest.exports).toHaveProperty(['./compat'])
})
