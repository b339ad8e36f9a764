import { defineUserContext } from '@ringfence/context'
import { type AgentEvent, createExecutionEngine } from '@ringfence/engine'
import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { createAgents } from '../src/agents/create-agents.ts'
import { generateSampleLog, type WorkloadResult, workloadResult } from '../src/index.ts'
import { findForeignFigure } from '../src/model/find-foreign-figure.ts'
import { analyzeLog, prices } from './logs.ts'
import { resultOf } from './support/analyst.ts'
import { complete, type ModelEndpoint, startModelEndpoint } from './support/model-endpoint.ts'

const users = defineUserContext('analyst', z.object({ team: z.string().optional() }))
const log = generateSampleLog({ seed: 21, calls: 300, profile: 'support-chat' })
const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

interface Ended {
  readonly endpoint: ModelEndpoint
  readonly events: readonly AgentEvent[]
}

const runWith = async (
  answer: (response: ServerResponse) => void,
  { timeoutMs = 5000, key }: { timeoutMs?: number; key?: string } = {},
): Promise<Ended> => {
  const endpoint = await startModelEndpoint(answer)
  const model = { url: endpoint.url, name: 'local-model', key, timeoutMs }
  const engine = createExecutionEngine({ agents: createAgents({ prices, model }) })
  closing.push(() => engine.close({ graceMs: 0 }), endpoint.close)
  const events = await users.run({ userId: 'alice' }, async () => {
    const { runId } = await engine.start('supervisor', { log })
    const all: AgentEvent[] = []
    for await (const event of await engine.events(runId)) all.push(event)
    return all
  })
  return { endpoint, events }
}

const resultFrom = ({ events }: Ended): WorkloadResult => workloadResult.parse(resultOf(events))

describe('a model that words the summary', () => {
  test('gets the figures and nothing that the log says, with the key in a header', async () => {
    const ended = await runWith(complete('All is well.'), { key: 'secret-key' })
    expect(ended.endpoint.requests).toHaveLength(1)
    const [request] = ended.endpoint.requests
    expect(request?.path).toBe('/v1/chat/completions')
    expect(request?.headers.authorization).toBe('Bearer secret-key')
    expect(request?.body).toContain('local-model')
    const { totals, spendByFeature } = resultFrom(ended)
    expect(request?.body).toContain(totals.inputTokens.toLocaleString('en-US'))
    expect(spendByFeature?.length).toBeGreaterThan(0)
    for (const { name } of spendByFeature ?? []) expect(request?.body).not.toContain(name)
    expect(JSON.stringify(ended.events)).not.toContain('secret-key')
  })

  test('adds its words below the summary and changes no figure', async () => {
    const { report: plain, ...figures } = await analyzeLog(log)
    const words = `There are ${figures.totals.calls} calls <b>in</b> all.`
    const ended = await runWith(complete(words))
    const { report, ...result } = resultFrom(ended)
    expect(result).toEqual(figures)
    const added = `\n\n> There are ${figures.totals.calls} calls &lt;b&gt;in&lt;/b&gt; all.\n\n_Worded by local-model; every figure in it is one of the figures here._`
    expect(report).toContain(added)
    expect(report.replace(added, '')).toBe(plain)
    const tools = ended.events.flatMap((event) =>
      event.type === 'tool_completed' ? [[event.data.tool, event.data.ok]] : [],
    )
    expect(tools.at(-1)).toEqual(['word_summary', true])
  })

  test.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['answers 500', (response) => response.writeHead(500).end('no'), /answered 500/],
    ['answers no JSON', (response) => response.end('<html>'), /did not answer JSON/],
    ['answers no completion', (response) => response.end('{"choices":[]}'), /something else/],
    ['answers without end', (response) => response.end('x'.repeat(400_000)), /far too much/],
    ['writes an essay', complete('word '.repeat(1000)), /more than a summary/],
    ['makes a number up', complete('You could save $1,234,567.89!'), /the number 1234567\.89/],
    ['hangs up', (response) => response.destroy(), /cannot be reached/],
    [
      'sends elsewhere',
      (response) => response.writeHead(302, { location: '/x' }).end(),
      /cannot be reached/,
    ],
  ])(
    'that %s costs the report nothing but its words, and a note says so',
    async (_case, answer, why) => {
      const plain = await analyzeLog(log)
      const ended = await runWith(answer)
      const { report, notes, ...result } = resultFrom(ended)
      const { report: plainReport, notes: plainNotes, ...figures } = plain
      expect(result).toEqual(figures)
      const added = notes.filter((note) => !plainNotes.includes(note))
      expect(added).toEqual([expect.stringMatching(why)])
      expect(added[0]).toMatch(/^The summary is not worded by a model: /)
      expect(report).toContain('not worded by a model')
      expect(report.split('\n\n## ')[0]).toBe(plainReport.split('\n\n## ')[0])
      expect(ended.endpoint.requests).toHaveLength(1)
    },
  )

  test('that does not answer in time is left behind', async () => {
    const ended = await runWith(() => undefined, { timeoutMs: 50 })
    expect(resultFrom(ended).notes.join(' ')).toMatch(/did not finish within 50 ms/)
  })
})

describe('the search for foreign figures', () => {
  test.each([
    ['It cost $1,234.50 for 12 calls.', 'cost: $1,234.50\ncalls: 12', undefined],
    ['It cost $1,234.50.', 'cost: $1,234.5', '1234.50'],
    ['About 13 calls', 'calls: 12', '13'],
    ['No number.', '', undefined],
  ])('in %j from %j finds %j', (text, source, foreign) => {
    expect(findForeignFigure(text, source)).toBe(foreign)
  })
})
