import { mock } from 'node:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import * as z from 'zod'
import {
  defineAgent,
  defineTool,
  isTerminal,
  type AgentDefinition,
  type AgentEvent,
} from '../src/index.ts'
import { modelAgent } from '../src/model/index.ts'
import { scriptedModel } from '../src/testing/index.ts'
import { deferred } from './support/deferred.ts'
import { engineOf } from './support/engine.ts'
import { alice, users } from './support/users.ts'

const overloaded = Object.assign(new Error('busy'), {
  statusCode: 429,
  responseHeaders: { 'retry-after': '30' },
})

const never = (): Promise<null> => new Promise(() => undefined)

const endless = (limits: { runMs?: number; idleMs?: number }): AgentDefinition =>
  defineAgent({
    name: 'agent',
    input: z.object({ message: z.string() }),
    output: z.null(),
    limits,
    run: never,
  })

const pay = defineTool({
  name: 'pay',
  input: z.object({}),
  output: z.null(),
  approval: true,
  run: () => null,
})

/** The run's story. Once it has told `first`, the clock is moved on by so many milliseconds at a time, until it ends. */
async function storyAt(
  agent: AgentDefinition,
  advance: (ms: number) => unknown,
  stepMs: number,
  first: AgentEvent['type'] = 'agent_started',
): Promise<{ story: AgentEvent[]; tookMs: number }> {
  const engine = engineOf([agent], { random: () => 0, limits: { approvalMs: 600_000 } })
  return users.run(alice, async () => {
    const since = Date.now()
    const { runId } = await engine.start('agent', { message: 'Go' })
    const story: AgentEvent[] = []
    const begun = deferred()
    const read = (async () => {
      for await (const event of await engine.events(runId)) {
        story.push(event)
        if (event.type === first) begun.resolve()
      }
    })()
    await begun.promise
    while (story.every((event) => !isTerminal(event))) await advance(stepMs)
    await read
    return { story, tookMs: Date.now() - since }
  })
}

const clocks = {
  'vitest, vi.useFakeTimers()': {
    begin: () => void vi.useFakeTimers(),
    advance: (ms: number) => vi.advanceTimersByTimeAsync(ms),
    end: () => void vi.useRealTimers(),
  },
  'node:test, mock.timers': {
    begin: () => {
      mock.timers.enable({ apis: ['setTimeout', 'Date'] })
      mock.method(performance, 'now', () => Date.now())
    },
    advance: async (ms: number) => {
      // What a run does between two timers takes turns.
      for (let slice = 0; slice < 20; slice += 1) {
        mock.timers.tick(ms / 20)
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    end: () => mock.reset(),
  },
}

describe.each(Object.entries(clocks))('under the fake timers of %s', (_runner, clock) => {
  beforeEach(clock.begin)
  afterEach(clock.end)

  test.each([
    [{ runMs: 60_000, idleMs: 90_000 }, 'RUN_DEADLINE', 60_000],
    [{ runMs: 600_000, idleMs: 50_000 }, 'IDLE_DEADLINE', 50_000],
  ])('a deadline passes without anybody waiting: %j', async (limits, code, ms) => {
    const { story, tookMs } = await storyAt(endless(limits), clock.advance, 10_000)
    expect(story.at(-1)).toMatchObject({ type: 'agent_error', data: { error: { code } } })
    expect(tookMs).toBeGreaterThanOrEqual(ms)
    expect(tookMs).toBeLessThan(ms + 20_000)
  })

  test('a retry waits as long as the provider asks', async () => {
    const model = scriptedModel([{ error: overloaded, whenRetried: 'Hello.' }])
    const agent = modelAgent({ name: 'agent', model })
    const { story, tookMs } = await storyAt(agent, clock.advance, 1_000)
    expect(story.at(-1)?.type).toBe('agent_completed')
    expect(tookMs).toBeGreaterThanOrEqual(30_000)
    expect(tookMs).toBeLessThan(33_000)
  })

  test('a model that stalls is given up', async () => {
    const model = scriptedModel([{ stalls: true }])
    const limits = { firstPartMs: 30_000 }
    const agent = modelAgent({ name: 'agent', model, limits, retry: { attempts: 1 } })
    const { story } = await storyAt(agent, clock.advance, 10_000)
    expect(story.at(-1)).toMatchObject({ data: { error: { code: 'MODEL_DEADLINE' } } })
  })

  test('a question that nobody answers expires', async () => {
    const agent = defineAgent({
      name: 'agent',
      input: z.object({ message: z.string() }),
      output: z.null(),
      limits: { runMs: 3_600_000 },
      run: (_, own) => own.call(pay, {}),
    })
    const { story, tookMs } = await storyAt(agent, clock.advance, 20_000, 'approval_requested')
    expect(story.map(({ type }) => type)).toContain('approval_requested')
    expect(story.at(-1)).toMatchObject({ data: { error: { code: 'APPROVAL_EXPIRED' } } })
    expect(tookMs).toBeGreaterThanOrEqual(600_000)
    expect(tookMs).toBeLessThan(900_000)
  })
})
