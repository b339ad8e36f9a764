import { expect, test } from 'vitest'
import * as z from 'zod'
import { currentScope, inspect } from '@ringfence/context'
import {
  defineAgent,
  defineTool,
  EngineError,
  pipeline,
  type AgentExecution,
} from '../src/index.ts'
import { caught } from './support/caught.ts'
import { aborted, deferred } from './support/deferred.ts'
import { engineOf, expectOneStory, runToEnd, storyOf, typesOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { RecordingLogger } from './support/recording-logger.ts'
import { alice, users } from './support/users.ts'

const empty = z.object({})
const abortGraceMs = 40

// origins: UEE-2 UEE-6 TMO-1 BRG-7 L25 AIF-15 EEF-1
test('a run that takes longer than its limit ends with RUN_DEADLINE', async () => {
  const waits = defineAgent({
    name: 'waits',
    input: empty,
    output: z.null(),
    limits: { runMs: 20 },
    run: async (_, agent) => {
      await aborted(agent.signal)
      throw agent.signal.reason
    },
  })
  const engine = engineOf([waits])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'waits')
    expect(events.at(-1)).toMatchObject({
      type: 'agent_error',
      data: {
        error: { code: 'RUN_DEADLINE', message: 'The agent "waits" did not finish within 20 ms.' },
      },
    })
  })
  await expectNothingLeft(engine)
})

// origins: TMO-1
test("the engine's runMs holds where the agent sets none, and the agent's own where it does", async () => {
  const run = async (_: object, agent: AgentExecution): Promise<number> => (
    agent.signal,
    (currentScope().deadline ?? Infinity) - Date.now()
  )
  const one = defineAgent({ name: 'one', input: empty, output: z.number(), run })
  const two = defineAgent({
    name: 'two',
    input: empty,
    output: z.number(),
    limits: { runMs: 5_000 },
    run,
  })
  const engine = engineOf([one, two], { limits: { runMs: 60_000 } })
  await users.run(alice, async () => {
    const left = [
      await (await engine.start('one', {})).result,
      await (await engine.start('two', {})).result,
    ]
    expect(left[0]).toBeGreaterThan(55_000)
    expect(left[0]).toBeLessThanOrEqual(60_000)
    expect(left[1]).toBeGreaterThan(1_000)
    expect(left[1]).toBeLessThanOrEqual(5_000)
  })
})

test('a step that takes longer than its limit fails with STEP_DEADLINE, and its caller goes on', async () => {
  const part = defineAgent({
    name: 'part',
    input: empty,
    output: z.null(),
    limits: { stepMs: 20 },
    run: async (_, agent) => {
      await aborted(agent.signal)
      return null
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.string(),
    run: async (_, execution) => {
      const failure = await caught(() => execution.delegate(part, {}))
      expect(failure).toMatchObject({
        code: 'STEP_DEADLINE',
        message: 'The agent "part" did not finish within 20 ms.',
      })
      return 'without it'
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    expect(events.slice(-2)).toMatchObject([
      { type: 'subagent_completed', data: { ok: false, error: { code: 'STEP_DEADLINE' } } },
      { type: 'agent_completed', data: { result: 'without it' } },
    ])
  })
  await expectNothingLeft(engine)
})

test('what looks something up to check an input has the time of its tool, step or run for it, and no more', async () => {
  const never = z.unknown().refine(() => new Promise<boolean>(() => undefined))
  const options = { name: 'slow', input: never, output: z.null(), run: () => null }
  const tool = defineTool({ ...options, timeoutMs: 10 })
  const asking = defineTool({
    ...options,
    input: z.unknown(),
    timeoutMs: 10,
    approval: () => new Promise<boolean>(() => undefined),
  })
  const part = defineAgent({ ...options, limits: { stepMs: 10, runMs: 10 } })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.array(z.unknown()),
    run: async (_, execution) => {
      const failures = [
        await caught(() => execution.call(tool, {})),
        await caught(() => execution.call(asking, {})),
        await caught(() => execution.delegate(part, {})),
      ]
      return failures.map((failure) => (EngineError.is(failure) ? failure.message : failure))
    },
  })
  const engine = engineOf([agent, part])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    expect(events.at(-1)).toMatchObject({
      data: {
        result: [
          'The input of tool "slow" was not checked within 10 ms.',
          'Whether the tool "slow" has to be approved was not decided within 10 ms.',
          'The input of agent "slow" was not checked within 10 ms.',
        ],
      },
    })
    expect(await caught(() => engine.start('slow', {}))).toMatchObject({
      code: 'RUN_DEADLINE',
      message: 'The input of agent "slow" was not checked within 10 ms.',
    })
  })
  await expectNothingLeft(engine)
})

// origins: L5
test('a stage that takes too long ends the pipeline: what failed is never reported as success', async () => {
  const never = defineAgent({
    name: 'never',
    input: empty,
    output: z.null(),
    limits: { stepMs: 20 },
    run: async (_, agent) => {
      await aborted(agent.signal)
      return null
    },
  })
  const after = defineAgent({ name: 'after', input: z.null(), output: z.null(), run: () => null })
  const engine = engineOf([pipeline({ name: 'both', stages: [never, after] })])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'both')
    expect(typesOf(events)).toEqual([
      'agent_started',
      'subagent_started',
      'subagent_completed',
      'agent_error',
    ])
    expect(events.at(-1)).toMatchObject({ data: { error: { code: 'STEP_DEADLINE' } } })
  })
})

// origins: UEE-12
test('a tool that ignores its signal cannot hold the run; it is counted, fenced and charged until it ends', async () => {
  const leave = deferred()
  const afterwards: Record<string, unknown> = {}
  const ended = deferred()
  let execution: AgentExecution | undefined
  const ignores = defineTool({
    name: 'ignores',
    input: empty,
    output: z.string(),
    timeoutMs: 20,
    run: async () => {
      await leave.promise
      afterwards['read the user'] = await caught(() => users.current())
      afterwards['think'] = await caught(() => execution?.think('late'))
      afterwards['call'] = await caught(() => execution?.call(ignores, {}))
      afterwards['start a run'] = await caught(() => engine.start('agent', {}))
      afterwards['list runs'] = await caught(() => engine.runs())
      ended.resolve()
      return 'late'
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.string(),
    run: async (_, own) => {
      execution = own
      expect(await caught(() => own.call(ignores, {}))).toMatchObject({
        code: 'TOOL_DEADLINE',
        message: 'The tool "ignores" did not finish within 20 ms.',
      })
      return 'without it'
    },
  })
  const quick = defineAgent({ name: 'quick', input: empty, output: z.null(), run: () => null })
  const logger = new RecordingLogger()
  const engine = engineOf([agent, quick], {
    limits: { ownerConcurrency: 1, concurrency: 1, abortGraceMs },
    logger,
  })
  const { runId, waiting } = await users.run(alice, async () => {
    const run = await engine.start('agent', {})
    await expect(run.result).resolves.toBe('without it')
    // Her own slot is charged: the next run waits. The shared one is free: bob's does not.
    return { runId: run.runId, waiting: await engine.start('quick', {}) }
  })
  expect(engine.health()).toMatchObject({ running: 0, queued: 1, orphans: 1 })
  await users.run({ userId: 'bob' }, async () => {
    await (
      await engine.start('quick', {})
    ).result
  })
  expect(engine.health()).toMatchObject({ queued: 1, orphans: 1 })
  expect(logger.entries).toMatchObject([
    {
      level: 'warn',
      fields: { agent: 'agent', label: 'tool ignores' },
      message: 'work ignored its end and was fenced',
    },
    { level: 'warn', fields: { tool: 'ignores' }, message: 'tool failed' },
  ])
  leave.resolve()
  await ended.promise
  await waiting.result
  expect(Object.keys(afterwards)).toHaveLength(5)
  for (const [what, error] of Object.entries(afterwards)) {
    expect([what, error]).toMatchObject([what, { code: 'SCOPE_CLOSED' }])
  }
  await users.run(alice, async () => {
    expect(typesOf(await storyOf(engine, runId))).toEqual([
      'agent_started',
      'tool_executing',
      'work_orphaned',
      'tool_completed',
      'agent_completed',
    ])
  })
  await expectNothingLeft(engine)
})

test('an agent that ignores its deadline cannot hold its run, nor a shared slot', async () => {
  const leave = deferred<null>()
  const ignores = defineAgent({
    name: 'ignores',
    input: empty,
    output: z.null(),
    limits: { runMs: 20 },
    run: () => leave.promise,
  })
  const engine = engineOf([ignores], { limits: { concurrency: 1, abortGraceMs } })
  await users.run(alice, async () => {
    expect((await runToEnd(engine, 'ignores')).at(-1)).toMatchObject({
      data: { error: { code: 'RUN_DEADLINE' } },
    })
    expect(engine.health()).toMatchObject({ running: 0, orphans: 1 })
  })
  expect(inspect().orphans).toBe(1)
  leave.resolve(null)
  await expectNothingLeft(engine)
})

test('what comes after its deadline has failed, also where it comes within the grace', async () => {
  const late = defineTool({
    name: 'late',
    input: empty,
    output: z.string(),
    timeoutMs: 10,
    run: async (_, { signal }) => {
      await aborted(signal)
      return 'late'
    },
  })
  const calls = defineAgent({
    name: 'calls',
    input: empty,
    output: z.string(),
    run: (_, execution) => execution.call(late, {}),
  })
  const waits = defineAgent({
    name: 'waits',
    input: empty,
    output: z.string(),
    limits: { runMs: 10 },
    run: async (_, execution) => {
      await aborted(execution.signal)
      return 'late'
    },
  })
  const engine = engineOf([calls, waits])
  await users.run(alice, async () => {
    for (const [agent, code] of [
      ['calls', 'TOOL_DEADLINE'],
      ['waits', 'RUN_DEADLINE'],
    ] as const) {
      expect((await runToEnd(engine, agent)).at(-1)).toMatchObject({ data: { error: { code } } })
    }
  })
  await expectNothingLeft(engine)
})

test("a deadline that the agent's own code sets is its failure, not the run's deadline", async () => {
  const logger = new RecordingLogger()
  const ownDeadline = (): Promise<null> =>
    users.child({}, { deadlineMs: 5 }, async (scope) => {
      await aborted(scope.signal)
      throw scope.signal.reason
    })
  const inTool = defineTool({ name: 'in-tool', input: empty, output: z.null(), run: ownDeadline })
  const agent = defineAgent({
    name: 'agent',
    input: z.object({ tool: z.boolean() }),
    output: z.null(),
    run: ({ tool }, execution) => (tool ? execution.call(inTool, {}) : ownDeadline()),
  })
  const engine = engineOf([agent], { logger })
  await users.run(alice, async () => {
    expect((await runToEnd(engine, 'agent', { tool: false })).at(-1)).toMatchObject({
      data: { error: { code: 'AGENT_FAILED' } },
    })
    const events = await runToEnd(engine, 'agent', { tool: true })
    expect(events.slice(-2)).toMatchObject([
      { type: 'tool_completed', data: { error: { code: 'TOOL_FAILED' } } },
      { type: 'agent_error', data: { error: { code: 'TOOL_FAILED' } } },
    ])
  })
  expect(logger.entries.map(({ message }) => message)).toEqual(['agent failed', 'tool failed'])
})

test("a run's deadline that strikes in a tool of a step is the run's, all the way", async () => {
  const waits = defineTool({
    name: 'waits',
    input: empty,
    output: z.null(),
    run: async (_, { signal }) => {
      await aborted(signal)
      throw new Error('stopped')
    },
  })
  const part = defineAgent({
    name: 'part',
    input: empty,
    output: z.null(),
    run: (_, agent) => agent.call(waits, {}),
  })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    limits: { runMs: 20 },
    run: (_, execution) => execution.delegate(part, {}),
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    for (const event of events.slice(-3)) {
      expect(event.data).toMatchObject({ error: { code: 'RUN_DEADLINE' } })
    }
  })
})

// origins: AIF-15
test('a run that waits too long for its turn ends with QUEUE_TIMEOUT, and its agent never begins', async () => {
  const gate = deferred<null>()
  let begun = 0
  const waits = defineAgent({
    name: 'waits',
    input: empty,
    output: z.null(),
    run: () => {
      begun += 1
      return gate.promise
    },
  })
  const engine = engineOf([waits], { limits: { ownerConcurrency: 1, queueMs: 20 } })
  await users.run(alice, async () => {
    const first = await engine.start('waits', {})
    const second = await engine.start('waits', {})
    const events = await storyOf(engine, second.runId)
    expect(events.filter(({ type }) => type !== 'queue_position')).toMatchObject([
      { seq: 0, type: 'agent_error', data: { error: { code: 'QUEUE_TIMEOUT' } } },
    ])
    expect(await engine.run(second.runId)).toMatchObject({ status: 'failed' })
    gate.resolve(null)
    await first.result
  })
  expect(begun).toBe(1)
  await expectNothingLeft(engine)
})

// origins: UEC-10
test('agents that delegate to each other in a circle end with DELEGATION_TOO_DEEP', async () => {
  let deepest = 0
  const circle = defineAgent({
    name: 'circle',
    input: z.object({ depth: z.number() }),
    output: z.null(),
    run: async ({ depth }, agent) => {
      deepest = Math.max(deepest, depth)
      await agent.delegate('circle', { depth: depth + 1 })
      return null
    },
  })
  const engine = engineOf([circle], { limits: { delegationDepth: 3 } })
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'circle', { depth: 0 })
    expectOneStory(events)
    expect(events.at(-1)).toMatchObject({ data: { error: { code: 'DELEGATION_TOO_DEEP' } } })
  })
  expect(deepest).toBe(3)
})

test('agents that execute instances of each other in a circle end with DELEGATION_TOO_DEEP', async () => {
  let deepest = 0
  const circle = defineAgent({
    name: 'circle',
    input: z.object({ depth: z.number() }),
    output: z.null(),
    run: async ({ depth }) => {
      deepest = Math.max(deepest, depth)
      await engine.instances.create('circle').execute({ depth: depth + 1 })
      return null
    },
  })
  const engine = engineOf([circle], { limits: { delegationDepth: 3 } })
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'circle', { depth: 0 })
    expect(events.at(-1)).toMatchObject({ data: { error: { code: 'DELEGATION_TOO_DEEP' } } })
    expect(deepest).toBe(3)
    const failure = await caught(() => engine.instances.create('circle').execute({ depth: 0 }))
    expect(failure).toMatchObject({ code: 'DELEGATION_TOO_DEEP' })
  })
})

test('a run that waits for another of its own owner, at one at a time, ends by its deadline', async () => {
  const inner = deferred<{ result: Promise<unknown> }>()
  const nested = defineAgent({
    name: 'nested',
    input: z.object({ inner: z.boolean() }),
    output: z.string(),
    limits: { runMs: 50 },
    run: async (input) => {
      if (input.inner) return 'inner'
      const run = await engine.start('nested', { inner: true })
      inner.resolve(run)
      return z.string().parse(await run.result)
    },
  })
  const engine = engineOf([nested], { limits: { ownerConcurrency: 1, abortGraceMs, queueMs: 200 } })
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'nested', { inner: false })
    expect(events.at(-1)).toMatchObject({ data: { error: { code: 'RUN_DEADLINE' } } })
  })
  // What waits on still charges the owner, so the inner run never has its turn: it is given up as well.
  await expect((await inner.promise).result).rejects.toMatchObject({ code: 'QUEUE_TIMEOUT' })
  await expectNothingLeft(engine)
})
