import { expect, test } from 'vitest'
import * as z from 'zod'
import { agentEvent, AgentError, defineAgent, defineTool, isDurable } from '../src/index.ts'
import { caught } from './support/caught.ts'
import { aborted, deferred, nextTurn, until } from './support/deferred.ts'
import { echo } from './support/echo.ts'
import { engineOf, expectOneStory, runToEnd, storyOf, typesOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { alice, users } from './support/users.ts'

const empty = z.object({})

function cyclic(): object {
  const value: { self?: unknown } = {}
  value.self = value
  return value
}

const look = defineTool({
  name: 'look',
  input: z.object({ id: z.string() }),
  output: z.object({ found: z.string() }),
  run: ({ id }) => ({ found: `${id}!` }),
})

/** Hears its signal and ends with what the caller is then told. */
const waits = defineTool({
  name: 'waits',
  input: empty,
  output: z.null(),
  run: async (_, { signal }) => {
    await aborted(signal)
    throw signal.reason
  },
})

// origins: BRG-3 EMT-1 EMT-4 AEC-2 L20 UEE-5
test('a run tells its story in order, numbered from 0 without gaps, with one end', async () => {
  const part = defineAgent({
    name: 'part',
    input: z.object({ id: z.string() }),
    output: z.string(),
    run: async ({ id }, agent) => (await agent.call(look, { id })).found,
  })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.object({ answer: z.string() }),
    run: async (_, execution) => {
      await execution.think('what to do')
      await execution.think('how to do it')
      const answer = await execution.delegate(part, { id: 'x' })
      await execution.text('It is ')
      await execution.text(answer)
      return { answer }
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    expect(events.map(({ type, agent: by, data }) => [type, by, data])).toEqual([
      ['agent_started', 'agent', { queuedMs: expect.any(Number) }],
      ['agent_thinking', 'agent', { text: 'what to do', step: 1 }],
      ['agent_thinking', 'agent', { text: 'how to do it', step: 2 }],
      ['subagent_started', 'agent', { callId: 'call-1', agent: 'part' }],
      ['tool_executing', 'part', { callId: 'call-2', tool: 'look', input: { id: 'x' } }],
      [
        'tool_completed',
        'part',
        {
          callId: 'call-2',
          tool: 'look',
          ok: true,
          result: { found: 'x!' },
          durationMs: expect.any(Number),
        },
      ],
      [
        'subagent_completed',
        'agent',
        { callId: 'call-1', agent: 'part', ok: true, durationMs: expect.any(Number) },
      ],
      ['agent_text', 'agent', { delta: 'It is ' }],
      ['agent_text', 'agent', { delta: 'x!' }],
      ['agent_completed', 'agent', { result: { answer: 'x!' }, durationMs: expect.any(Number) }],
    ])
    for (const event of events)
      expect(agentEvent.parse(JSON.parse(JSON.stringify(event)))).toEqual(event)
  })
})

// origins: EMT-4 BRG-3
test('an agent tells its user things of its own, in order, as they were then', async () => {
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: async (_, execution) => {
      const places = [{ name: 'here', at: new Date(0) }]
      void execution.custom('places', { places })
      places.push({ name: 'there', at: new Date(1) })
      await execution.text('and')
      await execution.custom('nothing')
      return null
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    expect(events.slice(1, -1)).toMatchObject([
      {
        type: 'agent_custom',
        seq: 1,
        agent: 'agent',
        userId: 'alice',
        data: {
          name: 'places',
          value: { places: [{ name: 'here', at: '1970-01-01T00:00:00.000Z' }] },
        },
      },
      { type: 'agent_text' },
      { type: 'agent_custom', data: { name: 'nothing', value: null } },
    ])
    for (const event of events)
      expect(agentEvent.parse(JSON.parse(JSON.stringify(event)))).toEqual(event)
  })
})

test.each<[string, string, unknown, string | RegExp]>([
  ['a name that is none', 'two words', 1, 'AGENT_FAILED'],
  ['no name', '', 1, 'AGENT_FAILED'],
  ['a cycle', 'x', cyclic(), 'INVALID_OUTPUT'],
  ['what JSON would lose', 'x', new Map([[1, 2]]), 'INVALID_OUTPUT'],
  ['too much', 'x', 'x'.repeat(101), 'RESULT_TOO_LARGE'],
])('%s is no event, and fails the agent that does not look', async (_, name, value, code) => {
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: async (_input, execution) => {
      void execution.custom(name, value)
      await execution.text('on')
      return null
    },
  })
  const engine = engineOf([agent], { limits: { customBytes: 100 } })
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    expect(typesOf(events)).not.toContain('agent_custom')
    expect(events.at(-1)).toMatchObject({ type: 'agent_error', data: { error: { code } } })
  })
})

test('a loop of events that are not waited for ends its own run, by what they hold', async () => {
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: async (_, execution) => {
      for (let count = 0; count < 100; count += 1) void execution.custom('x', 'x'.repeat(10_000))
      await aborted(execution.signal)
      return null
    },
  })
  const engine = engineOf([agent], { limits: { pendingCharacters: 50_000 } })
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    expect(events.at(-1)).toMatchObject({ data: { error: { code: 'TOO_MUCH_PENDING' } } })
    expect(events.length).toBeLessThan(10)
  })
})

test('events that are not awaited keep the order in which they were told', async () => {
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: (_, execution) => {
      for (let index = 0; index < 50; index += 1) void execution.text(String(index))
      return null
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    const deltas = events.flatMap((event) =>
      event.type === 'agent_text' ? [Number(event.data.delta)] : [],
    )
    expect(deltas).toEqual(Array.from({ length: 50 }, (_, index) => index))
  })
})

// origins: L20 TLD-2
test('parallel tool calls each have their beginning and their end', async () => {
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.array(z.string()),
    run: async (_, execution) => {
      const calls = ['a', 'b', 'c', 'd'].map((id) => execution.call(look, { id }))
      return (await Promise.all(calls)).map(({ found }) => found)
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    expect(typesOf(events).filter((type) => type === 'tool_completed')).toHaveLength(4)
    expect(events.at(-1)).toMatchObject({ data: { result: ['a!', 'b!', 'c!', 'd!'] } })
  })
})

test('a cancel closes the calls that are open, innermost first, before the one end', async () => {
  const inTool = deferred()
  const ignores = defineTool({
    name: 'ignores',
    input: empty,
    output: z.null(),
    run: () => {
      inTool.resolve()
      return leave.promise
    },
  })
  const leave = deferred<null>()
  const part = defineAgent({
    name: 'part',
    input: empty,
    output: z.null(),
    run: (_, execution) => execution.call(ignores, {}),
  })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: (_, execution) => execution.delegate(part, {}),
  })
  const engine = engineOf([agent], { limits: { abortGraceMs: 40 } })
  await users.run(alice, async () => {
    const { runId } = await engine.start('agent', {})
    await inTool.promise
    await engine.cancel(runId)
    const events = await storyOf(engine, runId)
    expectOneStory(events)
    expect(typesOf(events)).toEqual([
      'agent_started',
      'subagent_started',
      'tool_executing',
      'work_orphaned',
      'tool_completed',
      'subagent_completed',
      'agent_cancelled',
    ])
    for (const event of events.slice(4, 6)) {
      expect(event.data).toMatchObject({ ok: false, error: { code: 'CANCELLED' } })
    }
  })
  leave.resolve(null)
  await expectNothingLeft(engine)
})

test('a deadline closes the calls that are open before the one end', async () => {
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    limits: { runMs: 30 },
    run: async (_, execution) => {
      await Promise.all([execution.call(waits, {}), execution.call(waits, {})])
      return null
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    expect(typesOf(events).filter((type) => type === 'tool_completed')).toHaveLength(2)
    expect(events.at(-1)).toMatchObject({ data: { error: { code: 'RUN_DEADLINE' } } })
  })
  await expectNothingLeft(engine)
})

test('a failure closes the calls that are open before the one end', async () => {
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: async (_, execution) => {
      execution.call(waits, {}).catch(() => undefined)
      await until(() => engine.health().running === 1)
      throw new AgentError('GAVE_UP', 'No more patience')
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    expect(typesOf(events)).toEqual([
      'agent_started',
      'tool_executing',
      'tool_completed',
      'agent_error',
    ])
    expect(events.at(-1)).toMatchObject({ data: { error: { code: 'GAVE_UP' } } })
  })
  await expectNothingLeft(engine)
})

test('an agent that returns without awaiting a call is waited for, and every call has its end', async () => {
  const gate = deferred()
  const slow = defineTool({
    name: 'slow',
    input: empty,
    output: z.null(),
    run: async () => {
      await gate.promise
      return null
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.string(),
    run: (_, execution) => {
      void execution.call(slow, {})
      void execution.delegate(echo, { text: 'hi' })
      return 'done'
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const { runId } = await engine.start('agent', {})
    const story = storyOf(engine, runId)
    await nextTurn()
    gate.resolve()
    const events = await story
    expectOneStory(events)
    expect(events.at(-1)).toMatchObject({ type: 'agent_completed', data: { result: 'done' } })
  })
  await expectNothingLeft(engine)
})

test('a failure that the agent does not look at fails the agent, and never the process', async () => {
  const failing = defineTool({
    name: 'failing',
    input: empty,
    output: z.null(),
    run: () => {
      throw new AgentError('NO_ACCESS', 'The folder is locked')
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.string(),
    run: (_, execution) => {
      void execution.call(failing, {})
      return 'done'
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expectOneStory(events)
    expect(events.at(-1)).toMatchObject({
      type: 'agent_error',
      data: { error: { code: 'NO_ACCESS', message: 'The folder is locked' } },
    })
  })
  await expectNothingLeft(engine)
})

// origins: TLD-1 EMT-5
test('after the end nothing is told: whoever still holds the execution is refused', async () => {
  const kept: (() => Promise<unknown>)[] = []
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: (_, execution) => {
      kept.push(
        () => execution.think('late'),
        () => execution.text('late'),
        () => execution.call(look, { id: 'late' }),
        () => execution.delegate(echo, { text: 'late' }),
        async () => execution.progress(1),
        async () => execution.signal,
      )
      // A timer of the run that outlives it, and does not look at what became of its call.
      setTimeout(() => {
        void execution.think('late and unheard')
        void execution.call(look, { id: 'late and unheard' })
        void execution.delegate(echo, { text: 'late and unheard' })
        over.resolve()
      }, 5)
      return null
    },
  })
  const over = deferred()
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('agent', {})
    await result
    await over.promise
    await nextTurn()
    for (const attempt of kept) {
      expect(await caught(attempt)).toMatchObject({ code: 'SCOPE_CLOSED' })
    }
    expect(kept).toHaveLength(6)
    expect(typesOf(await storyOf(engine, runId))).toEqual(['agent_started', 'agent_completed'])
  })
})

// origins: UEE-5
test('transient events carry no number and are never replayed', async () => {
  const gate = deferred()
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: async (_, execution) => {
      await gate.promise
      execution.progress(0.25, 'a quarter')
      await nextTurn()
      await execution.think('half')
      execution.progress(0.5)
      await nextTurn()
      return null
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const { runId } = await engine.start('agent', {})
    const watched = storyOf(engine, runId)
    await nextTurn()
    gate.resolve()
    const events = await watched
    expectOneStory(events)
    const transient = events.filter((event) => !isDurable(event))
    expect(transient.map(({ data }) => data)).toEqual([
      { fraction: 0.25, message: 'a quarter' },
      { fraction: 0.5 },
    ])
    for (const event of transient) {
      expect(event).not.toHaveProperty('seq')
      expect(agentEvent.parse(event)).toEqual(event)
    }
    expect(typesOf(await storyOf(engine, runId))).toEqual([
      'agent_started',
      'agent_thinking',
      'agent_completed',
    ])
  })
})

test('a progress that is none is refused, and text that is no text', async () => {
  const failures: unknown[] = []
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: async (_, execution) => {
      for (const fraction of [-0.1, 1.1, Number.NaN]) {
        failures.push(await caught(() => execution.progress(fraction)))
      }
      // @ts-expect-error a program without types
      failures.push(await caught(() => execution.think(7)))
      // @ts-expect-error a program without types
      failures.push(await caught(() => execution.text({ delta: 'x' })))
      await execution.think('still first')
      return null
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expect(failures).toHaveLength(5)
    for (const failure of failures) expect(failure).toBeInstanceOf(TypeError)
    expect(events[1]).toMatchObject({ data: { text: 'still first', step: 1 } })
  })
})

test('long text is cut, and says how long it was', async () => {
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: async (_, execution) => {
      await execution.think('x'.repeat(11))
      await execution.text('y'.repeat(10))
      return null
    },
  })
  const engine = engineOf([agent], { limits: { textLength: 10 } })
  await users.run(alice, async () => {
    const events = await runToEnd(engine, 'agent')
    expect(events.slice(1, 3).map(({ data }) => data)).toEqual([
      { text: 'xxxxxxxxxx… (11 characters)', step: 1 },
      { delta: 'yyyyyyyyyy' },
    ])
  })
})

test('an event and what it carries are frozen: one reader cannot change what the next one sees', async () => {
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.object({ list: z.array(z.number()) }),
    run: async (_, execution) => {
      await execution.call(look, { id: 'x' })
      return { list: [1, 2] }
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('agent', {})
    const shared = [await result, await engine.run(runId), ...(await storyOf(engine, runId))]
    expect(shared).toHaveLength(6)
    const assertFrozen = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      expect(Object.isFrozen(value)).toBe(true)
      for (const item of Object.values(value)) assertFrozen(item)
    }
    for (const value of shared) assertFrozen(value)
  })
})
