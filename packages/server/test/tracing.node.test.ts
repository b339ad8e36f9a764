import {
  InMemorySpanExporter,
  BasicTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base'
import {
  AgentRegistry,
  createExecutionEngine,
  defineAgent,
  defineTool,
  MemoryStore,
} from '@ringfence/engine'
import { createTracing } from '@ringfence/server/otel'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { Client, json } from './support/client.ts'
import { serve, type TestServer } from './support/serve.ts'
import { SocketClient } from './support/socket.ts'
import { waiting } from './support/waiting.ts'

/** The real SDK, which keeps in memory what it would export. */
async function serveTraced(
  joinsCaller?: boolean,
): Promise<{ server: TestServer; spans: () => ReadableSpan[] }> {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const tracing = createTracing({
    tracer: provider.getTracer('test'),
    ...(joinsCaller === undefined ? {} : { joinsCaller }),
  })
  const look = defineTool({
    name: 'look',
    input: z.object({ text: z.string() }),
    output: z.string(),
    async run({ text }) {
      await new Promise((resolve) => setTimeout(resolve, text.length % 3))
      if (text === 'fail') throw new Error('a secret of the tool')
      return text
    },
  })
  const text = z.object({ text: z.string() })
  const inner = defineAgent({
    name: 'inner',
    input: text,
    output: text,
    async run(input, agent) {
      return { text: await agent.call(look, input) }
    },
  })
  const outer = defineAgent({
    name: 'outer',
    input: text,
    output: text,
    run: (input, agent) => agent.delegate(inner, input),
  })
  const agents = new AgentRegistry().register(inner).register(outer).freeze()
  const engine = createExecutionEngine({ agents, store: tracing.store(new MemoryStore()) })
  const server = await serve({ engine, tracing })
  return { server, spans: () => exporter.getFinishedSpans() }
}

const parent = (digit: string): string => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`

async function run(client: Client, text: string, traceparent?: string): Promise<string> {
  const headers: Record<string, string> = traceparent === undefined ? {} : { traceparent }
  const response = await client.post('/v1/agents/outer/runs', { input: { text } }, headers)
  const { runId } = await json<{ runId: string }>(response)
  await client.story(runId)
  return runId
}

// origins: AEC-1
test('request, run, step and tool are spans of the trace of whoever asked, each under the one that it is part of', async () => {
  const { server, spans } = await serveTraced()
  const alice = await Client.of(server, 'alice')
  const runId = await run(alice, 'hello', parent('a'))
  const inTrace = (): ReadableSpan[] =>
    spans().filter((span) => span.spanContext().traceId === 'a'.repeat(32))
  await expect.poll(() => inTrace().length, waiting).toBe(4)
  const named = Object.fromEntries(inTrace().map((span) => [span.name, span]))
  expect(Object.keys(named).toSorted()).toEqual([
    'POST /v1/agents/:name/runs',
    'run outer',
    'step inner',
    'tool look',
  ])
  const under = (name: string): string | undefined => named[name]?.parentSpanContext?.spanId
  const idOf = (name: string): string | undefined => named[name]?.spanContext().spanId
  expect(under('POST /v1/agents/:name/runs')).toBe('a'.repeat(16))
  expect(under('run outer')).toBe(idOf('POST /v1/agents/:name/runs'))
  expect(under('step inner')).toBe(idOf('run outer'))
  expect(under('tool look')).toBe(idOf('step inner'))
  expect(named['run outer']?.attributes).toMatchObject({ 'ringfence.run_id': runId })
  expect(named['POST /v1/agents/:name/runs']?.attributes).toMatchObject({
    'http.response.status_code': 202,
  })
})

test('users at once, over HTTP and sockets, and no span of one stands in the trace of another', async () => {
  const { server, spans } = await serveTraced()
  const digits = ['1', '2', '3', '4', '5', '6', '7', '8']
  const runs = await Promise.all(
    digits.map(async (digit) => {
      const client = await Client.of(server, `user-${digit}`)
      const own = await Promise.all(
        Array.from({ length: 5 }, (_value, index) => run(client, 'x'.repeat(index), parent(digit))),
      )
      const headers = { authorization: `Bearer ${client.token}`, traceparent: parent(digit) }
      const socket = await SocketClient.open(`${server.url}/v1/ws`, { headers })
      socket.send({ type: 'start', id: 's', agent: 'outer', input: { text: 'by socket' } })
      const ended = await socket.event('s', 'agent_completed')
      socket.socket.close()
      await socket.closed
      return [...own, ended.type === 'event' ? ended.event.runId : '']
    }),
  )
  await expect
    .poll(() => spans().filter(({ name }) => name === 'run outer').length, waiting)
    .toBe(48)
  for (const span of spans()) {
    const runId = span.attributes['ringfence.run_id']
    if (typeof runId !== 'string') continue
    const index = runs.findIndex((own) => own.includes(runId))
    expect(span.spanContext().traceId).toBe(digits[index]?.repeat(32))
  }
  const byId = new Map(spans().map((span) => [span.spanContext().spanId, span]))
  for (const span of spans()) {
    const above = byId.get(span.parentSpanContext?.spanId ?? '')
    expect((above ?? span).spanContext().traceId).toBe(span.spanContext().traceId)
  }
})

test('no span has a user, an input or a message in it; a failure is its code', async () => {
  const { server, spans } = await serveTraced()
  const alice = await Client.of(server, 'alice-canary')
  await run(alice, 'fail')
  await expect
    .poll(() => spans().filter(({ name }) => name === 'run outer').length, waiting)
    .toBe(1)
  const told = spans().map(({ name, attributes, events, status }) => ({
    name,
    attributes,
    events,
    status,
  }))
  expect(JSON.stringify(told)).not.toMatch(/alice-canary|secret/)
  expect(told.find(({ name }) => name === 'run outer')?.status).toEqual({
    code: 2,
    message: expect.stringMatching(/^[A-Z_]+$/),
  })
})

test.each([
  'nonsense',
  `00-${'0'.repeat(32)}-${'a'.repeat(16)}-01`,
  `00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`,
  `ff-${'a'.repeat(32)}-${'a'.repeat(16)}-01`,
  `00-${'A'.repeat(32)}-${'a'.repeat(16)}-01`,
])('a traceparent that is none begins a trace of its own: %s', async (traceparent) => {
  const { server, spans } = await serveTraced()
  await run(await Client.of(server, 'alice'), 'a', traceparent)
  const request = spans().find(({ name }) => name.startsWith('POST'))
  expect(request?.parentSpanContext).toBeUndefined()
  expect(request?.spanContext().traceId).not.toBe('a'.repeat(32))
})

test('a client names no trace where it must not', async () => {
  const { server, spans } = await serveTraced(false)
  await run(await Client.of(server, 'mallory'), 'a', parent('a'))
  expect(spans().filter((span) => span.spanContext().traceId === 'a'.repeat(32))).toEqual([])
})
