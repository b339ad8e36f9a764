import { createOpenAICompatible as createV4 } from '@ai-sdk/openai-compatible'
import { createOpenAICompatible as createV3 } from 'openai-compatible-2'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineTool, type AgentDefinition, type AgentEvent } from '../src/index.ts'
import { modelAgent, type LanguageModel, type ModelAgentOptions } from '../src/model/index.ts'
import {
  ask,
  begin,
  CompletionsServer,
  say,
  write,
  type Respond,
} from './support/completions-server.ts'
import { until } from './support/deferred.ts'
import { engineOf, expectOneStory, runToEnd, typesOf } from './support/engine.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { alice, users } from './support/users.ts'

const providers: [string, (url: string, apiKey: string) => LanguageModel][] = [
  ['2 (v3)', (baseURL, apiKey) => createV3({ name: 'test', baseURL, apiKey })('test-model')],
  ['3 (v4)', (baseURL, apiKey) => createV4({ name: 'test', baseURL, apiKey })('test-model')],
]

const failedWith = (code: string): object => ({ type: 'agent_error', data: { error: { code } } })

describe.each(providers)('through @ai-sdk/openai-compatible %s and a socket', (_name, create) => {
  interface Outcome {
    readonly story: readonly AgentEvent[]
    readonly server: CompletionsServer
  }

  async function ran(
    respond: Respond,
    { leaves = false, ...options }: Partial<ModelAgentOptions> & { leaves?: boolean } = {},
    act?: (server: CompletionsServer, cancel: () => Promise<unknown>) => Promise<void>,
  ): Promise<Outcome> {
    await using server = await CompletionsServer.start(respond)
    const agent: AgentDefinition = modelAgent({
      name: 'assistant',
      model: () => create(server.url, `key of ${users.current().userId}`),
      retry: { baseMs: 1, maxMs: 2_000 },
      ...options,
    })
    const engine = engineOf([agent])
    const story = await users.run(alice, async () => {
      if (act === undefined) return runToEnd(engine, 'assistant', { message: 'Hello' })
      const { runId, result } = await engine.start('assistant', { message: 'Hello' })
      result.catch(() => undefined)
      await act(server, () => engine.cancel(runId))
      const events: AgentEvent[] = []
      for await (const event of await engine.events(runId)) events.push(event)
      return events
    })
    expectOneStory(story)
    // What the client closes, the server hears of a little later.
    if (leaves) await until(() => server.left === server.requests.length)
    await expectNothingLeft(engine)
    return { story, server }
  }

  test('text arrives, with the credentials of the user', async () => {
    const { story, server } = await ran((response) => say(response, 'Hel', 'lo.'))
    expect(story.at(-1)).toMatchObject({ data: { result: { text: 'Hello.' } } })
    expect(server.requests[0]?.authorization).toBe('Bearer key of alice')
    expect(server.requests[0]?.body.messages).toEqual([{ role: 'user', content: 'Hello' }])
  })

  test('a tool is called and its result sent', async () => {
    const add = defineTool({
      name: 'add',
      input: z.object({ a: z.number(), b: z.number() }),
      output: z.object({ sum: z.number() }),
      run: ({ a, b }) => ({ sum: a + b }),
    })
    const { story, server } = await ran(
      (response, { index }) =>
        index === 0 ? ask(response, 'add', '{"a":1,"b":2}') : say(response, 'Three.'),
      { tools: [add] },
    )
    expect(typesOf(story)).toEqual([
      'agent_started',
      'usage_recorded',
      'tool_executing',
      'tool_completed',
      'agent_text',
      'usage_recorded',
      'agent_completed',
    ])
    expect(server.requests[1]?.body.messages.at(-1)).toEqual({
      role: 'tool',
      tool_call_id: 'call_1',
      content: '{"sum":3}',
    })
  })

  test('arguments that are no JSON are told to the model', async () => {
    const tool = defineTool({ name: 't', input: z.object({}), output: z.null(), run: () => null })
    const { story, server } = await ran(
      (response, { index }) => (index === 0 ? ask(response, 't', '{"a": ') : say(response, 'ok')),
      { tools: [tool] },
    )
    expect(story.at(-1)?.type).toBe('agent_completed')
    expect(JSON.stringify(server.requests[1]?.body.messages)).toContain('are no JSON')
  })

  test('429 with Retry-After is waited out', async () => {
    const at: number[] = []
    const { story } = await ran((response, { index }) => {
      at.push(performance.now())
      if (index > 0) return say(response, 'Now.')
      response.writeHead(429, { 'retry-after': '1', 'content-type': 'application/json' })
      response.end('{"error":{"message":"slow down"}}')
    })
    expect(story.at(-1)).toMatchObject({ data: { result: { text: 'Now.' } } })
    // Asked for a second: anything less is too soon.
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(990)
  })

  test('500 for ever is a failure after three tries', async () => {
    const { story, server } = await ran((response) => {
      response.writeHead(500, { 'content-type': 'application/json' })
      response.end('{"error":{"message":"secret stack"}}')
    })
    expect(story.at(-1)).toMatchObject(failedWith('MODEL_FAILED'))
    expect(JSON.stringify(story)).not.toContain('secret stack')
    expect(server.requests).toHaveLength(3)
  })

  test('an endpoint that accepts and never answers is given up, and its connection closed', async () => {
    const { story, server } = await ran(() => undefined, {
      leaves: true,
      limits: { firstPartMs: 300 },
      retry: { attempts: 1 },
    })
    expect(story.at(-1)).toMatchObject(failedWith('MODEL_DEADLINE'))
    expect(server.left).toBe(server.requests.length)
  })

  test('an endpoint that stops in the middle is given up, and its connection closed', async () => {
    const { story, server } = await ran(
      (response) => {
        begin(response)
        write(response, { role: 'assistant', content: 'Half' })
      },
      { leaves: true, limits: { idleMs: 30 } },
    )
    expect(story.at(-1)).toMatchObject(failedWith('MODEL_DEADLINE'))
    expect(server.left).toBe(1)
  })

  test('a connection that is cut in the middle is a failure, not a short answer', async () => {
    const { story } = await ran((response) => {
      begin(response)
      write(response, { role: 'assistant', content: 'Half' })
      setTimeout(() => response.destroy(), 5)
    })
    expect(story.at(-1)).toMatchObject(failedWith('MODEL_FAILED'))
  })

  test('an answer that ends early, as if it were complete, is a failure', async () => {
    const { story } = await ran((response) => {
      begin(response)
      write(response, { role: 'assistant', content: 'Half' })
      response.end()
    })
    expect(story.at(-1)).toMatchObject(failedWith('MODEL_FAILED'))
  })

  test('a page where an answer should be is a failure', async () => {
    const { story } = await ran((response) => {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end('<html>It works!</html>')
    })
    expect(story.at(-1)).toMatchObject(failedWith('MODEL_FAILED'))
  })

  test('garbage between the events is a failure', async () => {
    const { story } = await ran((response) => {
      begin(response)
      write(response, { role: 'assistant', content: 'Half' })
      response.write('data: {"choices": [{]}\n\n')
      response.end('data: [DONE]\n\n')
    })
    expect(story.at(-1)).toMatchObject(failedWith('MODEL_FAILED'))
  })

  test('an endless answer is cut off, and its connection closed', async () => {
    const { story, server } = await ran(
      (response) => {
        begin(response)
        const timer = setInterval(() => {
          for (let index = 0; index < 50; index += 1) write(response, { content: 'ha '.repeat(20) })
        }, 1)
        response.on('close', () => clearInterval(timer))
      },
      { leaves: true, limits: { answerCharacters: 50_000 } },
    )
    expect(story.at(-1)).toMatchObject(failedWith('MODEL_OUTPUT_LIMIT'))
    expect(server.left).toBe(1)
  })

  test('a cancel closes the connection', async () => {
    const { story, server } = await ran(
      (response) => {
        begin(response)
        write(response, { role: 'assistant', content: 'Half' })
      },
      { leaves: true },
      async (endpoint, cancel) => {
        await until(() => endpoint.requests.length > 0)
        await cancel()
      },
    )
    expect(story.at(-1)).toMatchObject({ type: 'agent_cancelled', data: { reason: 'caller' } })
    expect(server.left).toBe(1)
  })
})
