import { ContextError, revoke } from '@ringfence/context'
import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  AgentError,
  defineAgent,
  defineTool,
  type AgentDefinition,
  type AgentEvent,
  type AgentExecution,
  type BudgetOptions,
  type ToolCallContext,
  type UserExecutionEngine,
} from '../src/index.ts'
import { caught } from './support/caught.ts'
import { aborted, deferred, until } from './support/deferred.ts'
import { collect, engineOf, expectOneStory } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { alice, users } from './support/users.ts'

const empty = z.object({})
const abortGraceMs = 80

/** Where the work is that has to be ended: in the run's own agent, in a tool, in a step, in a step's tool, deeper. */
const places = ['agent', 'tool', 'step', 'tool of a step', 'tool of a step of a step'] as const
type Place = (typeof places)[number]

interface Nest {
  readonly agents: readonly AgentDefinition[]
  /** Resolves when the work has begun. */
  readonly begun: Promise<void>
  /** What a tool or an agent that was given up finds when it goes on. */
  readonly late: Promise<Readonly<Record<string, unknown>>>
  readonly leave: () => void
}

/** A run whose innermost work either gives way when it is told to, or ignores it and goes on when it is let. */
function nest(
  place: Place,
  obeys: boolean,
  engine: () => UserExecutionEngine,
  beside?: (own: AgentExecution) => Promise<unknown>,
): Nest {
  const begun = deferred()
  const gate = deferred()
  const late = deferred<Readonly<Record<string, unknown>>>()
  let execution: AgentExecution | undefined

  const work = async (signal: AbortSignal, inTool?: ToolCallContext): Promise<null> => {
    begun.resolve()
    if (obeys) {
      await aborted(signal)
      signal.throwIfAborted()
    }
    await gate.promise
    const own = execution
    late.resolve({
      'read the user': await caught(() => users.current()),
      think: await caught(() => own?.think('late')),
      progress: await caught(() => own?.progress(1)),
      call: await caught(() => own?.call(idle, {})),
      delegate: await caught(() => own?.delegate('agent', {})),
      'start a run': await caught(() => engine().start('agent', {})),
      'make an instance': await caught(() => engine().instances.create('agent')),
      'list runs': await caught(() => engine().runs()),
      'write history': await caught(() =>
        own?.thread?.append({ role: 'assistant', content: 'late' }),
      ),
      'read history': await caught(() => own?.thread?.messages()),
      charge: await caught(() => (inTool ?? own)?.usage({ inputTokens: 1_000 })),
      reserve: await caught(() => own?.budget.reserve({ inputTokens: 1_000 })),
      'ask a person': await caught(() => own?.approve({ action: 'late' })),
    })
    return null
  }
  const idle = defineTool({ name: 'idle', input: empty, output: z.null(), run: () => null })
  const tool = defineTool({
    name: 'tool',
    input: empty,
    output: z.null(),
    run: (_, call) => work(call.signal, call),
  })
  const agentOf = (name: string, inside: (own: AgentExecution) => Promise<null>): AgentDefinition =>
    defineAgent({
      name,
      input: empty,
      output: z.null(),
      run: async (_, own) => {
        execution = own
        if (name !== 'agent' || beside === undefined) return inside(own)
        await Promise.all([inside(own), begun.promise.then(() => beside(own))])
        return null
      },
    })
  const works = (name: string): AgentDefinition => agentOf(name, ({ signal }) => work(signal))
  const calls = (name: string): AgentDefinition => agentOf(name, (own) => own.call(tool, {}))
  const delegates = (name: string, to: AgentDefinition): AgentDefinition =>
    agentOf(name, async (own) => {
      await own.delegate(to, {})
      return null
    })
  const agents: Record<Place, readonly AgentDefinition[]> = {
    agent: [works('agent')],
    tool: [calls('agent')],
    step: [delegates('agent', works('part'))],
    'tool of a step': [delegates('agent', calls('part'))],
    'tool of a step of a step': [delegates('agent', delegates('part', calls('inner')))],
  }
  return {
    agents: agents[place],
    begun: begun.promise,
    late: late.promise,
    leave: () => gate.resolve(),
  }
}

interface Source {
  /** What the run's own agent does beside the work. */
  readonly beside?: (own: AgentExecution) => Promise<unknown>
  readonly budgets?: BudgetOptions
  /** Where it can end something. Default: everywhere. */
  readonly places?: readonly Place[]
  readonly limits?: { readonly runMs?: number; readonly idleMs?: number }
  readonly end: (run: { engine: UserExecutionEngine; runId: string; leave: () => void }) => unknown
  readonly terminal: object
  readonly code: string
}

const cancelled = (reason: string): object => ({ type: 'agent_cancelled', data: { reason } })
const failed = (code: string): object => ({ type: 'agent_error', data: { error: { code } } })

const sources: Record<string, Source> = {
  'its caller': {
    end: ({ engine, runId }) => users.run(alice, () => engine.cancel(runId)),
    terminal: cancelled('caller'),
    code: 'CANCELLED',
  },
  'its client, who leaves': {
    end: ({ leave }) => leave(),
    terminal: cancelled('disconnect'),
    code: 'CANCELLED',
  },
  shutdown: {
    end: ({ engine }) => engine.close({ graceMs: 0 }),
    terminal: cancelled('shutdown'),
    code: 'CANCELLED',
  },
  'a newer run of its thread': {
    end: async ({ engine }) => {
      const { result } = await users.run(alice, () =>
        engine.start('quick', {}, { threadId: 'a', threadPolicy: 'replace' }),
      )
      await result
    },
    terminal: cancelled('replaced'),
    code: 'CANCELLED',
  },
  'its deadline': {
    limits: { runMs: 250 },
    end: () => undefined,
    terminal: failed('RUN_DEADLINE'),
    code: 'RUN_DEADLINE',
  },
  idleness: {
    limits: { idleMs: 250 },
    end: () => undefined,
    terminal: failed('IDLE_DEADLINE'),
    code: 'IDLE_DEADLINE',
  },
  // A step that goes beyond it fails, and what the run does meanwhile ends with it.
  'its budget': {
    budgets: { owner: { run: { outputTokens: 10 } } },
    beside: (own) => own.budget.reserve({ outputTokens: 11 }),
    places: places.filter((place) => place !== 'agent'),
    end: () => undefined,
    terminal: failed('BUDGET_EXCEEDED'),
    code: 'BUDGET_EXCEEDED',
  },
  'the revocation of its owner': {
    end: () => revoke(alice),
    terminal: failed('REVOKED'),
    code: 'REVOKED',
  },
}

const quick = defineAgent({ name: 'quick', input: empty, output: z.null(), run: () => null })

/** What a step or a tool is told to have failed with. */
function codesOf(events: readonly AgentEvent[]): unknown[] {
  return events.flatMap((event) =>
    event.type === 'tool_completed' || event.type === 'subagent_completed'
      ? [event.data.error?.code]
      : [],
  )
}

for (const [source, from] of Object.entries(sources)) {
  const { limits = {}, budgets = {}, beside, end, terminal, code } = from
  for (const place of from.places ?? places) {
    for (const obeys of [true, false]) {
      const how = obeys ? 'gives way' : 'ignores that'
      test(`a run ended by ${source} says so at every level, where the ${place} ${how}`, async () => {
        const { agents, begun, late, leave } = nest(place, obeys, () => engine, beside)
        const engine: UserExecutionEngine = engineOf([...agents, quick], {
          budgets,
          limits: { abortGraceMs, ownerConcurrency: 2, ...limits },
        })
        const client = new AbortController()
        const { runId, result } = await users.run(alice, () =>
          engine.start('agent', {}, { threadId: 'a', signal: client.signal }),
        )
        await begun
        // Ends with the scope it is made in, so it is one of its own where the owner is revoked.
        await end({ engine, runId, leave: () => client.abort() })
        await caught(() => result)
        const events = await users.run(alice, async () => collect(await engine.events(runId)))
        expectOneStory(events)
        expect(events.at(-1)).toMatchObject(terminal)
        expect(new Set(codesOf(events))).toEqual(new Set(place === 'agent' ? [] : [code]))
        const orphans = events.filter(({ type }) => type === 'work_orphaned')
        expect(orphans).toHaveLength(obeys ? 0 : 1)
        expect(engine.health().orphans).toBe(obeys ? 0 : 1)
        leave()
        const found = obeys ? {} : await late
        expect(Object.keys(found)).toHaveLength(obeys ? 0 : 13)
        for (const [what, error] of Object.entries(found)) {
          expect([what, ContextError.is(error) ? error.code : error]).toEqual([
            what,
            'SCOPE_CLOSED',
          ])
        }
        await until(() => engine.health().orphans === 0)
        const after = await users.run(alice, async () => collect(await engine.events(runId)))
        expect(after).toEqual(events)
        await users.run(alice, async () => {
          const { all } = await engine.ledger.sums()
          expect([all.inputTokens, all.outputTokens]).toEqual([0, 0])
          expect(await caught(() => engine.threads.messages('a'))).toMatchObject({
            code: 'THREAD_NOT_FOUND',
          })
        })
        await expectNothingLeft(engine)
      })
    }
  }
}

test('a step that fails ends its siblings, and each says with what', async () => {
  const inTool = deferred()
  const waits = defineTool({
    name: 'waits',
    input: empty,
    output: z.null(),
    run: async (_, { signal }) => {
      inTool.resolve()
      await aborted(signal)
      throw new Error('stopped')
    },
  })
  const sibling = defineAgent({
    name: 'sibling',
    input: empty,
    output: z.null(),
    run: (_, own) => own.call(waits, {}),
  })
  const failing = defineAgent({
    name: 'failing',
    input: empty,
    output: z.null(),
    run: async () => {
      await inTool.promise
      throw new AgentError('NO_DATA', 'There is nothing to work on.')
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: async (_, own) => {
      await Promise.all([own.delegate(sibling, {}), own.delegate(failing, {})])
      return null
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const { runId } = await engine.start('agent', {})
    const events = await collect(await engine.events(runId))
    expectOneStory(events)
    expect(codesOf(events)).toEqual(['NO_DATA', 'NO_DATA', 'NO_DATA'])
    expect(events.at(-1)).toMatchObject(failed('NO_DATA'))
  })
  await expectNothingLeft(engine)
})

test('the first reason stands, whatever comes after it', async () => {
  const { agents, begun, leave } = nest('tool', false, () => engine)
  const engine: UserExecutionEngine = engineOf(agents, { limits: { abortGraceMs, runMs: 400 } })
  const client = new AbortController()
  const { runId } = await users.run(alice, () =>
    engine.start('agent', {}, { signal: client.signal }),
  )
  await begun
  client.abort()
  await users.run(alice, () => engine.cancel(runId))
  await engine.close({ graceMs: 0 })
  const events = await users.run(alice, async () => collect(await engine.events(runId)))
  expect(events.at(-1)).toMatchObject(cancelled('disconnect'))
  leave()
  await expectNothingLeft(engine)
})

test.each([
  ['RUN_DEADLINE', { runMs: 40 }],
  ['IDLE_DEADLINE', { idleMs: 40 }],
])('a run that is stopping because of its %s is not cancelled afterwards', async (code, limits) => {
  const stopping = deferred()
  const leave = deferred()
  const stubborn = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: async (_, { signal }) => {
      await aborted(signal)
      stopping.resolve()
      await leave.promise
      return null
    },
  })
  const engine = engineOf([stubborn], { limits: { abortGraceMs: 5_000, ...limits } })
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('agent', {})
    result.catch(() => undefined)
    await stopping.promise
    const cancel = engine.cancel(runId)
    leave.resolve()
    expect(await cancel).toMatchObject({ status: 'failed', error: { code } })
    expect((await collect(await engine.events(runId))).at(-1)).toMatchObject({
      type: 'agent_error',
      data: { error: { code } },
    })
  })
  await expectNothingLeft(engine)
})

test('runs that start runs in a circle end with DELEGATION_TOO_DEEP', async () => {
  let deepest = 0
  const circle = defineAgent({
    name: 'circle',
    input: z.object({ depth: z.number() }),
    output: z.null(),
    run: async ({ depth }) => {
      deepest = Math.max(deepest, depth)
      await (
        await engine.start('circle', { depth: depth + 1 })
      ).result
      return null
    },
  })
  const engine = engineOf([circle], { limits: { delegationDepth: 3, ownerConcurrency: 10 } })
  await users.run(alice, async () => {
    const { result } = await engine.start('circle', { depth: 0 })
    await expect(result).rejects.toMatchObject({ code: 'DELEGATION_TOO_DEEP' })
  })
  expect(deepest).toBe(3)
  await expectNothingLeft(engine)
})
