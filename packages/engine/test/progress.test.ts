import { inspect } from '@ringfence/context'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, defineTool, type AgentEvent, type AgentProgress } from '../src/index.ts'
import { ProgressTicker } from '../src/events/progress-ticker.ts'
import { deferred, until } from './support/deferred.ts'
import { engineOf, expectOneStory, storyOf, typesOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { untyped } from './support/untyped.ts'
import { alice, users } from './support/users.ts'

const empty = z.object({})

/** Reads the story, and lets `watch` see each progress as it is shown. */
async function watchRun(
  options: Parameters<typeof engineOf>[1],
  agent: Parameters<typeof engineOf>[0][number],
  watch: (progress: AgentProgress) => void,
): Promise<AgentEvent[]> {
  const engine = engineOf([agent], options)
  const seen: AgentEvent[] = []
  await users.run(alice, async () => {
    const { runId } = await engine.start(agent.name, {})
    for await (const event of await engine.events(runId)) {
      seen.push(event)
      if (event.type === 'agent_progress') watch(event)
    }
  })
  expectOneStory(seen)
  await expectNothingLeft(engine)
  expect(inspect().openScopes).toBe(0)
  return seen
}

// origins: UPD-1
test('a run that goes on without a word is told of again and again, with how long it has been', async () => {
  const enough = deferred()
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: async () => {
      await enough.promise
      return null
    },
  })
  let seen = 0
  const elapsed: (number | undefined)[] = []
  const events = await watchRun({ progressMs: 5 }, agent, ({ data }) => {
    elapsed.push(data.elapsedMs)
    seen += 1
    if (seen === 3) enough.resolve()
  })
  const progress = events.filter((event) => event.type === 'agent_progress')
  expect(progress.length).toBeGreaterThanOrEqual(3)
  for (const event of progress) {
    expect(event.agent).toBe('agent')
    // Nothing is known of how long it takes, so nothing is said of how far it is.
    expect(event.data).not.toHaveProperty('fraction')
    expect(event.data).not.toHaveProperty('remainingMs')
    expect(event).not.toHaveProperty('seq')
  }
  expect(elapsed.map(Number).toSorted((one, other) => one - other)).toEqual(elapsed)
})

// origins: UPD-1
test('where it is known how long it takes, progress is estimated, and never done before it is', async () => {
  let time = 0
  const enough = deferred()
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    expectedMs: 1_000,
    run: async () => {
      await enough.promise
      return null
    },
  })
  const seen: AgentProgress['data'][] = []
  const steps = [250, 5_000, 90_000]
  await watchRun({ progressMs: 2, now: () => time }, agent, ({ data }) => {
    seen.push(data)
    const next = steps.shift()
    if (next === undefined) enough.resolve()
    else time = next
  })
  const early = seen.find(({ elapsedMs }) => elapsedMs === 250)
  expect(early).toMatchObject({ fraction: 0.25, remainingMs: 1_000 })
  expect(seen.at(-1)).toMatchObject({ fraction: 0.95, remainingMs: 1_000 })
  expect(Math.max(...seen.map(({ fraction }) => fraction ?? 0))).toBe(0.95)
  expect(Math.min(...seen.map(({ remainingMs }) => remainingMs ?? 0))).toBe(1_000)
})

test('what the agent says itself stands: it is repeated, and not estimated away', async () => {
  const enough = deferred()
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    expectedMs: 1,
    run: async (_, own) => {
      own.progress(0.3, 'reading')
      await enough.promise
      return null
    },
  })
  const seen: AgentProgress['data'][] = []
  await watchRun({ progressMs: 5 }, agent, ({ data }) => {
    seen.push(data)
    if (data.elapsedMs !== undefined) enough.resolve()
  })
  expect(seen.map(({ fraction }) => fraction)).toEqual(seen.map(() => 0.3))
})

test('a tool call that takes long is told of by its call, beside the run', async () => {
  const enough = deferred()
  const slow = defineTool({
    name: 'slow',
    input: empty,
    output: z.null(),
    expectedMs: 2_000,
    run: async () => {
      await enough.promise
      return null
    },
  })
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    run: (_, own) => own.call(slow, {}),
  })
  const seen: AgentProgress['data'][] = []
  const events = await watchRun({ progressMs: 5 }, agent, ({ data }) => {
    seen.push(data)
    if (
      seen.some(({ callId }) => callId !== undefined) &&
      seen.some(({ callId }) => callId === undefined)
    ) {
      enough.resolve()
    }
  })
  const call = events.find((event) => event.type === 'tool_executing')
  const ofCall = seen.find(({ callId }) => callId !== undefined)
  expect(ofCall).toMatchObject({ tool: 'slow', callId: call?.data.callId })
  expect(ofCall?.remainingMs).toBeGreaterThan(0)
})

// origins: L25
test('progress that the engine tells is no sign of life: a run that says nothing is given up all the same', async () => {
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.null(),
    // So long that no pause of a busy machine at the run's beginning is taken for the silence that is meant.
    limits: { idleMs: 400 },
    run: (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      }),
  })
  const events = await watchRun({ progressMs: 5 }, agent, () => undefined)
  expect(events.at(-1)).toMatchObject({ data: { error: { code: 'IDLE_DEADLINE' } } })
})

test('one timer serves all that goes on, and none is left when nothing does', async () => {
  const ticker = new ProgressTicker(1)
  expect(ticker.waiting).toBe(false)
  const ticks = [0, 0, 0]
  const works = ticks.map((_, index) =>
    ticker.begin(() => {
      ticks[index] = (ticks[index] ?? 0) + 1
    }),
  )
  expect(ticker.waiting).toBe(true)
  await until(() => ticks.every((count) => count > 1))
  const [first] = works
  if (first !== undefined) ticker.end(first)
  const still = ticks[0]
  const before = ticks[1] ?? 0
  await until(() => (ticks[1] ?? 0) > before + 1)
  expect(ticks[0]).toBe(still)
  for (const work of works) ticker.end(work)
  expect(ticker.waiting).toBe(false)
})

test('for short work nothing is told, and with `Infinity` never', async () => {
  const agent = defineAgent({ name: 'agent', input: empty, output: z.null(), run: () => null })
  const never = new ProgressTicker(Infinity)
  const work = never.begin(() => expect.unreachable('it never calls back'))
  expect(never.waiting).toBe(false)
  never.end(work)
  for (const progressMs of [5_000, Infinity]) {
    const events = await watchRun({ progressMs }, agent, () => undefined)
    expect(events.map(({ type }) => type)).toEqual(['agent_started', 'agent_completed'])
  }
})

test.each([0, -1, 0.5, Number.NaN])('a time of %s is refused', (progressMs) => {
  const agent = defineAgent({ name: 'agent', input: empty, output: z.null(), run: () => null })
  expect(() => engineOf([agent], { progressMs })).toThrow(TypeError)
})

test('a fraction that is none is refused, and nothing is shown', async () => {
  const agent = defineAgent({
    name: 'agent',
    input: empty,
    output: z.number(),
    run: (_, own) => {
      let refused = 0
      for (const fraction of [null, '0.5', undefined, Number.NaN, -0.1, 1.1, [0.5]]) {
        try {
          own.progress(untyped(fraction))
        } catch (error) {
          if (error instanceof TypeError) refused += 1
        }
      }
      return refused
    },
  })
  const engine = engineOf([agent])
  await users.run(alice, async () => {
    const { runId, result } = await engine.start('agent', {})
    expect(typesOf(await storyOf(engine, runId))).toEqual(['agent_started', 'agent_completed'])
    expect(await result).toBe(7)
  })
})
