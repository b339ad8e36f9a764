import { inspect } from '@ringfence/context'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { createLegacyAccess, getAgentInstanceFactory } from '../../src/compat/index.ts'
import {
  AgentRegistry,
  createAgentInstanceFactory,
  createExecutionEngine,
  defineAgent,
  type AgentInstance,
  type AgentInstanceFactory,
} from '../../src/index.ts'
import { caught } from '../support/caught.ts'
import { crowd, expectIsolated, seed } from '../support/crowd.ts'
import { users } from '../support/users.ts'

const count = 100

/** Says whose it is, after others had their turn. With `leak`, from where all can write. */
function agentsThat(leak: boolean): AgentRegistry {
  let shared = ''
  return new AgentRegistry()
    .register(
      defineAgent({
        name: 'remember',
        input: z.object({ canary: z.string() }),
        output: z.object({ canary: z.string(), userId: z.string() }),
        run: async ({ canary }, agent) => {
          shared = canary
          await agent.think(canary)
          await new Promise((resolve) => setTimeout(resolve, 1))
          return { canary: leak ? shared : canary, userId: users.current().userId }
        },
      }),
    )
    .freeze()
}

type FactoryOf = (agents: AgentRegistry) => {
  /** How a program gets at the factory, each time that it needs one. */
  readonly get: () => AgentInstanceFactory
  readonly around: <Result>(callback: () => Result) => Result
}

const accessors: readonly (readonly [string, FactoryOf])[] = [
  [
    'engine.instances',
    (agents) => {
      const engine = createExecutionEngine({ agents })
      return { get: () => engine.instances, around: (callback) => callback() }
    },
  ],
  [
    'createAgentInstanceFactory()',
    (agents) => {
      const instances = createAgentInstanceFactory({ agents })
      return { get: () => instances, around: (callback) => callback() }
    },
  ],
  [
    'getAgentInstanceFactory()',
    (agents) => {
      const engine = createExecutionEngine({ agents })
      const legacy = createLegacyAccess({ engine, emitWarning: () => undefined })
      return { get: () => getAgentInstanceFactory(), around: (callback) => legacy.run(callback) }
    },
  ],
]

// origins: G1 G3 G17
test.each(accessors)(
  `%s: a hundred users, each with instances of their own (RINGFENCE_TEST_SEED=${seed})`,
  async (_, factoryOf) => {
    const { get, around } = factoryOf(agentsThat(false))
    const made = new Set<AgentInstance>()
    const report = await around(() =>
      crowd({
        count,
        seed,
        visit: async ({ canary, giveWay, userId }) => {
          await giveWay()
          const instance = get().create('remember')
          made.add(instance)
          await giveWay()
          const answer = await instance.execute({ canary })
          expect(answer).toEqual({ canary, userId })
          return answer
        },
      }),
    )
    expectIsolated(report, count)
    // The factory itself was at work, not something beside it.
    expect(made.size).toBe(count)
    const metrics = await around(() => users.run({ userId: 'operator' }, () => get().metrics()))
    expect(metrics).toMatchObject({ created: count, disposed: count, active: 0 })
  },
)

// origins: G1 G2
test.each(accessors)(
  '%s: an agent that keeps its user in a variable is found out',
  async (_, of) => {
    const { get, around } = of(agentsThat(true))
    const report = await around(() =>
      crowd({
        count: 30,
        seed,
        visit: async ({ canary }) => get().create('remember').execute({ canary }),
      }),
    )
    expect(report.foreign.length).toBeGreaterThan(0)
  },
)

// origins: G1 G3
test.each(accessors)('%s: one instance for all is refused to all but one', async (_, factoryOf) => {
  const { get, around } = factoryOf(agentsThat(false))
  let shared: AgentInstance | undefined
  const before = inspect().violations.CROSS_OWNER ?? 0
  const report = await around(() =>
    crowd({
      count: 20,
      seed,
      visit: async ({ canary }) => (shared ??= get().create('remember')).execute({ canary }),
    }),
  )
  expect(report.own).toBe(1)
  expect(report.foreign).toEqual([])
  expect(report.failures).toHaveLength(19)
  for (const failure of report.failures) expect(failure).toMatchObject({ code: 'CROSS_OWNER' })
  expect(inspect().violations.CROSS_OWNER).toBe(before + 19)
})

// origins: G3
test('a hundred users who keep what the deprecated accessor gave the first of them get nothing by it', async () => {
  const engine = createExecutionEngine({ agents: agentsThat(false) })
  const legacy = createLegacyAccess({ engine, emitWarning: () => undefined })
  let kept: AgentInstanceFactory | undefined
  const report = await legacy.run(() =>
    crowd({
      count,
      seed,
      visit: async ({ canary }) =>
        (kept ??= getAgentInstanceFactory()).create('remember').execute({ canary }),
    }),
  )
  expect(report).toMatchObject({ own: 1, foreign: [] })
  expect(report.failures).toHaveLength(count - 1)
  for (const failure of report.failures) expect(failure).toMatchObject({ code: 'CROSS_OWNER' })
  expect(await caught(() => kept?.create('remember'))).toMatchObject({
    code: expect.stringMatching(/SCOPE_CLOSED|SCOPE_LOST|NO_SCOPE/),
  })
})
