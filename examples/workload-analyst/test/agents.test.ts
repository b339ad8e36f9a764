import { defineUserContext } from '@ringfence/context'
import {
  type AgentEvent,
  createExecutionEngine,
  isTerminal,
  type UserExecutionEngine,
} from '@ringfence/engine'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { createAgents } from '../src/agents/create-agents.ts'
import { OwnedWorkload } from '../src/agents/owned-workload.ts'
import { createPace, generateSampleLog, readLog, workloadResult } from '../src/index.ts'
import { analyzeLog, prices } from './logs.ts'

const users = defineUserContext('analyst', z.object({ team: z.string().optional() }))
let engine: UserExecutionEngine

beforeEach(() => {
  engine = createExecutionEngine({ agents: createAgents({ prices }) })
})
afterEach(() => engine.close({ graceMs: 0 }))

const runOf = (userId: string, log: string): Promise<AgentEvent[]> =>
  users.run({ userId }, async () => {
    const { runId } = await engine.start('supervisor', { log })
    const events: AgentEvent[] = []
    for await (const event of await engine.events(runId)) events.push(event)
    return events
  })

const log = generateSampleLog({ seed: 11, calls: 500, profile: 'support-chat' })

describe('the supervisor', () => {
  // origins: SUP-1 DMO-5
  test('runs the five stages in order, and its result is that of the analysis', async () => {
    const events = await runOf('alice', log)
    const started = events.flatMap((event) =>
      event.type === 'subagent_started' ? [event.data.agent] : [],
    )
    expect(started).toEqual(['triage', 'data', 'optimization', 'actions', 'reporting'])
    const last = events.at(-1)
    if (last?.type !== 'agent_completed') throw new Error(`It ended in ${last?.type}.`)
    expect(workloadResult.parse(last.data.result)).toEqual(await analyzeLog(log))
    expect(events.filter(isTerminal)).toHaveLength(1)
  })

  test('tells what it does: thoughts of each stage, tools with results, the summary as text', async () => {
    const events = await runOf('alice', log)
    const thinking = events.filter((event) => event.type === 'agent_thinking')
    const agents = new Set(thinking.map((event) => event.agent))
    expect(agents).toEqual(new Set(['triage', 'data', 'optimization', 'actions']))
    const tools = events.flatMap((event) =>
      event.type === 'tool_completed' && event.data.ok ? [event.data.tool] : [],
    )
    expect(tools).toEqual(['measure_log', 'look_up_prices'])
    const texts = events.flatMap((event) => (event.type === 'agent_text' ? [event.data.delta] : []))
    expect(texts).toHaveLength(1)
    expect(texts[0]).toContain('calls')
  })

  // origins: UPD-1
  test('shows how far the reading of a large log has come', async () => {
    const large = generateSampleLog({ seed: 11, calls: 20_000, profile: 'support-chat' })
    const events = await runOf('alice', large)
    // What the engine tells on its own account, where it takes long, says nothing of how far it is.
    const progress = events.flatMap((event) =>
      event.type === 'agent_progress' && event.data.fraction !== undefined
        ? [event.data.fraction]
        : [],
    )
    expect(progress.length).toBeGreaterThan(1)
    expect(progress.toSorted((a, b) => a - b)).toEqual(progress)
  })

  test('no event holds more than the beginning of the log', async () => {
    const events = await runOf('alice', log)
    const tail = log.trimEnd().split('\n').at(-1) ?? ''
    expect(tail).not.toBe('')
    expect(JSON.stringify(events)).not.toContain(JSON.stringify(tail).slice(1, -1))
  })

  test.each([
    ['a cell that is no number', 'input_tokens,output_tokens\n1,2\nx,4\n', /^line 3: .*"x"/],
    ['no rows', 'input_tokens,output_tokens\n', /^line 1: /],
    ['nothing', '', /^line 1: the log is empty/],
    ['no token columns', 'time,model\n1,gpt-5\n', /^line 1: no column for input tokens/],
    ['broken JSON', '{"input_tokens":1,"output_tokens":2}\n{"input_tokens":\n', /^line 2: /],
    ['a binary file', 'PK\u0003\u0004', /^line 1: the log is not text/],
  ])(
    'a log with %s ends in an error that names the line and the reason',
    async (_case, bad, told) => {
      const last = (await runOf('alice', bad)).at(-1)
      if (last?.type !== 'agent_error') throw new Error(`It ended in ${last?.type}.`)
      expect(last.data.error.code).toBe('UNREADABLE_LOG')
      expect(last.data.error.message).toMatch(told)
    },
  )

  test('ends when it is cancelled in the middle of a large log', async () => {
    const large = `input_tokens,output_tokens\n${'1,2\n'.repeat(400_000)}`
    const events = await users.run({ userId: 'alice' }, async () => {
      const { runId } = await engine.start('supervisor', { log: large })
      const seen: AgentEvent[] = []
      for await (const event of await engine.events(runId)) {
        seen.push(event)
        if (event.type === 'agent_progress') await engine.cancel(runId)
      }
      return seen
    })
    expect(events.at(-1)).toMatchObject({ type: 'agent_cancelled', data: { reason: 'caller' } })
    expect(engine.health()).toMatchObject({ running: 0, orphans: 0 })
  })

  test('a log beyond ten million characters is refused before it runs', async () => {
    await users.run({ userId: 'alice' }, async () => {
      await expect(
        engine.start('supervisor', { log: 'x'.repeat(10_000_001) }),
      ).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        issues: [{ path: 'log', message: expect.stringContaining('10,000,000 characters') }],
      })
    })
  })
})

describe('the rows on their way between stages', () => {
  test('open in any scope of their owner, and in nobody else’s', async () => {
    const rows = await users.run(
      { userId: 'alice' },
      async () => new OwnedWorkload(await readLog(log, createPace())),
    )
    await users.run({ userId: 'alice' }, () => {
      expect(rows.open().rows).toBeGreaterThan(0)
    })
    await users.run({ userId: 'bob' }, () => {
      expect(() => rows.open()).toThrow(expect.objectContaining({ code: 'CROSS_OWNER' }))
    })
    expect(() => rows.open()).toThrow(expect.objectContaining({ name: 'ContextError' }))
  })
})
