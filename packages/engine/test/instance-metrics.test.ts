import { expect, test } from 'vitest'
import * as z from 'zod'
import { AgentRegistry, createAgentInstanceFactory, defineAgent, defineTool } from '../src/index.ts'
import { RecentDurations } from '../src/statistics/recent-durations.ts'
import { caught } from './support/caught.ts'
import { engineOf } from './support/engine.ts'
import { RecordingLogger } from './support/recording-logger.ts'
import { untyped } from './support/untyped.ts'
import { alice, users } from './support/users.ts'

/** Each look at it is `step` milliseconds after the last. */
function steppingClock(): { readonly clock: () => number; step: number } {
  let now = 0
  const stepping = { step: 1, clock: () => (now += stepping.step) }
  return stepping
}

const tidy = defineAgent({
  name: 'tidy',
  input: z.object({}),
  output: z.null(),
  run: () => null,
  dispose: () => undefined,
})
const agents = new AgentRegistry().register(tidy).freeze()

// origins: AIF-17 EEF-5
test('the metrics mean what they say: made, there, gone, refused, and how long each took', async () => {
  const time = steppingClock()
  const instances = createAgentInstanceFactory({ agents, clock: time.clock })
  await users.run(alice, async () => {
    instances.create('tidy')
    time.step = 4
    const instance = instances.create('tidy')
    await caught(() => instances.create('nope'))
    time.step = 2
    await instance.execute({})
    await instance.execute({})
    expect(instances.metrics()).toMatchObject({
      created: 2,
      active: 2,
      disposed: 0,
      failed: 1,
      disposeFailures: 0,
      creation: { count: 2, minMs: 1, maxMs: 4, averageMs: 2.5 },
      disposal: { count: 2, minMs: 2, maxMs: 2, averageMs: 2 },
      // None has ended, and what their agents defer is not what they are.
      lifetime: { count: 0 },
    })
    time.step = 100
  })
  expect(instances.metrics()).toMatchObject({ created: 2, active: 0, disposed: 2, peak: 2 })
  // The clock showed 1 and 2, 6 and 10, 14, then 16 to 22; the last made is the first to end, at 122.
  expect(instances.metrics().lifetime).toEqual({
    count: 2,
    minMs: 122 - 10,
    maxMs: 222 - 2,
    averageMs: 166,
  })
  await users.run(alice, () => instances.create('tidy'))
  expect(instances.metrics()).toMatchObject({ created: 3, disposed: 3, peak: 2 })
})

// origins: AIF-17 CFG-2
test('what is aimed at where nothing is said: 10 ms to make one, 2 ms to dispose of it', () => {
  const { creation, disposal } = createAgentInstanceFactory({ agents }).metrics()
  expect([creation.targetMs, disposal.targetMs]).toEqual([10, 2])
})

// origins: TLD-3
test('tool calls are counted by how they ended, with how long they took, for all owners and naming none', async () => {
  let time = 0
  const tool = defineTool({
    name: 'tool',
    input: z.object({ takesMs: z.number(), fails: z.boolean() }),
    output: z.string(),
    run: ({ takesMs, fails }) => {
      time += takesMs
      if (fails) throw new Error('no')
      return users.current().userId
    },
  })
  const calls = defineAgent({
    name: 'calls',
    input: z.object({ takesMs: z.number(), fails: z.boolean() }),
    output: z.unknown(),
    run: (input, agent) => agent.call(tool, input),
  })
  const engine = engineOf([calls], { now: () => time })
  const none = { count: 0, averageMs: 0, minMs: 0, maxMs: 0 }
  expect(engine.metrics().instances.tools).toEqual({
    ended: 0,
    succeeded: 0,
    failed: 0,
    successRate: 0,
    durations: none,
  })
  for (const [userId, takesMs, fails] of [
    ['canary-alice', 10, false],
    ['canary-bob', 30, false],
    ['canary-bob', 50, true],
    ['canary-alice', 70, false],
  ] as const) {
    await users.run({ userId }, async () => {
      const { result } = await engine.start('calls', { takesMs, fails })
      await result.catch(() => undefined)
    })
  }
  // What does not fit the tool's schema is a call that failed.
  await users.run(alice, async () => {
    const agent = defineAgent({
      name: 'misfit',
      input: z.object({}),
      output: z.unknown(),
      run: (_, own) => own.call(tool, untyped({})),
    })
    const other = engineOf([agent])
    await caught(async () => (await other.start('misfit', {})).result)
    expect(other.metrics().instances.tools).toMatchObject({ ended: 1, failed: 1, successRate: 0 })
  })
  const { tools } = engine.metrics().instances
  expect(tools).toEqual({
    ended: 4,
    succeeded: 3,
    failed: 1,
    successRate: 0.75,
    durations: { count: 4, averageMs: 40, minMs: 10, maxMs: 70 },
  })
  expect(JSON.stringify(engine.metrics())).not.toContain('canary')
})

// origins: AIF-17 CFG-2
test('they name the limits that are enforced, and no user', async () => {
  const instances = createAgentInstanceFactory({ agents, limits: { delegationDepth: 3 } })
  const text = await users.run({ userId: 'canary-user' }, () => {
    instances.create('tidy')
    return JSON.stringify(instances.metrics())
  })
  expect(instances.metrics().limits).toMatchObject({ delegationDepth: 3, ownerConcurrency: 4 })
  expect(text).not.toContain('canary')
})

// origins: CFG-2
test('what takes longer than its target is counted, and the log hears of it ever more rarely', async () => {
  const time = steppingClock()
  const logger = new RecordingLogger()
  const targets = { creationMs: 5, disposalMs: 7 }
  const instances = createAgentInstanceFactory({ agents, targets, logger, clock: time.clock })
  await users.run(alice, async () => {
    time.step = 5
    instances.create('tidy')
    expect(instances.metrics().creation).toMatchObject({ overTarget: 0, targetMs: 5 })
    time.step = 6
    for (let made = 0; made < 9; made += 1) instances.create('tidy')
    expect(instances.metrics().creation.overTarget).toBe(9)
    await instances.create('tidy').execute({})
    expect(instances.metrics().disposal).toMatchObject({ overTarget: 0, count: 1, targetMs: 7 })
  })
  expect(logger.entries.map(({ fields }) => fields)).toMatchObject(
    [1, 2, 4, 8].map((overTarget) => ({ subject: 'creation', ms: 6, targetMs: 5, overTarget })),
  )
})

test.each([-1, 1.5, Number.NaN])('a target of %d is refused', (creationMs) => {
  expect(() => createAgentInstanceFactory({ agents, targets: { creationMs } })).toThrow(TypeError)
  expect(() => engineOf([tidy], { targets: { disposalMs: creationMs } })).toThrow(TypeError)
})

// origins: UEE-3
test('durations are kept in a ring: all are counted, the newest are summed up', () => {
  const durations = new RecentDurations(3)
  expect(durations.summary()).toEqual({ count: 0, averageMs: 0, minMs: 0, maxMs: 0 })
  for (const ms of [100, 1, 2, 3]) durations.add(ms)
  expect(durations.summary()).toEqual({ count: 4, averageMs: 2, minMs: 1, maxMs: 3 })
  durations.add(7)
  expect(durations.summary()).toEqual({ count: 5, averageMs: 4, minMs: 2, maxMs: 7 })
})
