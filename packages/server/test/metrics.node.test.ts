import { currentScope, inspect } from '@ringfence/context'
import { Registry } from 'prom-client'
import { createServer } from '@ringfence/server'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { testEngine, Gates } from './support/agents.ts'
import { Client, sseEvents, until } from './support/client.ts'
import { raw, statuses } from './support/raw.ts'
import { SocketClient } from './support/socket.ts'
import { auth } from './support/tokens.ts'

const code = z.object({ code: z.string() })

async function serveMeasured(registry?: Registry) {
  const gates = new Gates()
  const server = createServer({
    engine: testEngine(gates, { ownerConcurrency: 1 }),
    auth,
    metrics: { port: 0, deprecatedCalls: () => 7, ...(registry === undefined ? {} : { registry }) },
    limits: { loopDelayMs: 60_000 },
  })
  const { url, metricsUrl = '' } = await server.listen({ port: 0 })
  onTestFinished(() => server.close({ graceMs: 0 }))
  const read = async (): Promise<string> => (await fetch(metricsUrl)).text()
  return { server, url, fetch, gates, metricsUrl, read }
}

/** The value of a line of metrics; undefined where there is none. */
function valueOf(text: string, line: string): number | undefined {
  const found = text.split('\n').find((each) => each.startsWith(`${line} `))
  return found === undefined ? undefined : Number(found.slice(line.length + 1))
}

test('requests are counted by method, route and status, and answers timed', async () => {
  const served = await serveMeasured()
  const alice = await Client.of(served, 'alice')
  await alice.request('/v1/runs')
  await alice.request('/v1/runs/no-such-run')
  await fetch(`${served.url}/v1/runs`)
  await fetch(`${served.url}/v1/made/up/${'x'.repeat(50)}`)
  const text = await served.read()
  const count = (labels: string): number | undefined =>
    valueOf(text, `ringfence_http_requests_total{${labels}}`)
  expect(count('method="GET",route="/v1/runs",status="200"')).toBe(1)
  expect(count('method="GET",route="/v1/runs",status="401"')).toBe(1)
  expect(count('method="GET",route="/v1/runs/:id",status="404"')).toBe(1)
  expect(count('method="GET",route="none",status="404"')).toBe(1)
  const timed = 'ringfence_http_request_duration_seconds_count{method="GET",route="/v1/runs"}'
  expect(valueOf(text, timed)).toBe(2)
})

test('what is open is counted: streams, sockets, runs, those that wait, and scopes', async () => {
  const served = await serveMeasured()
  const alice = await Client.of(served, 'alice')
  const runId = await alice.start('gated', { gate: 'g' })
  await alice.start('gated', { gate: 'g' })
  const stream = sseEvents(await alice.follow(runId))
  await until(stream, 'agent_text')
  const headers = { authorization: `Bearer ${alice.token}` }
  await SocketClient.open(`${served.url}/v1/ws`, { headers })
  const text = await served.read()
  expect(valueOf(text, 'ringfence_streams_open')).toBe(1)
  expect(valueOf(text, 'ringfence_sockets_open')).toBe(1)
  expect(valueOf(text, 'ringfence_runs_running')).toBe(1)
  expect(valueOf(text, 'ringfence_runs_queued')).toBe(1)
  expect(valueOf(text, 'ringfence_scopes_open')).toBe(inspect().openScopes)
  expect(valueOf(text, 'ringfence_accepting')).toBe(1)
  expect(valueOf(text, 'ringfence_deprecated_calls_total')).toBe(7)
  expect(valueOf(text, 'ringfence_event_loop_delay_seconds{quantile="0.99"}')).toBeGreaterThan(0)
  served.gates.open('g')
  await until(stream, 'agent_completed')
})

test('violations and refused starts are counted by code, and nobody is named', async () => {
  const served = await serveMeasured()
  expect(() => currentScope()).toThrow('belongs to nobody')
  const alice = await Client.of(served, 'alice-whom-nobody-may-see')
  await alice.start('echo', { text: 'hi' })
  await alice.start('nobody-knows-it', {}).catch(() => undefined)
  const text = await served.read()
  expect(valueOf(text, 'ringfence_violations_total{code="NO_SCOPE"}')).toBeGreaterThan(0)
  expect(valueOf(text, 'ringfence_starts_refused_total{code="UNKNOWN_AGENT"}')).toBe(1)
  expect(text).not.toContain('alice')
})

test('metrics stand on a port of their own, and nothing else does', async () => {
  const served = await serveMeasured()
  expect((await fetch(`${served.url}/metrics`)).status).toBe(404)
  const own = new URL(served.metricsUrl)
  const refusals = [await fetch(new URL('/v1/runs', own)), await fetch(own, { method: 'POST' })]
  expect(refusals.map(({ status }) => status)).toEqual([404, 405])
  expect(refusals.map(({ headers }) => headers.get('content-type'))).toEqual(
    Array.from({ length: 2 }, () => 'application/problem+json'),
  )
  expect(refusals[1]?.headers.get('allow')).toBe('GET, HEAD')
  const codes = await Promise.all(refusals.map(async (refusal) => code.parse(await refusal.json())))
  expect(codes).toEqual([{ code: 'route_not_found' }, { code: 'method_not_allowed' }])
  expect(await (await fetch(own, { method: 'HEAD' })).text()).toBe('')
  await served.server.close({ graceMs: 0 })
  await expect(fetch(own)).rejects.toThrow('fetch failed')
})

test('a target that is no URL is not there, and ends nothing', async () => {
  const { metricsUrl, read } = await serveMeasured()
  const { port } = new URL(metricsUrl)
  for (const target of ['//', '//[', 'http://[', '/metrics/../metrics', '*']) {
    const method = target === '*' ? 'OPTIONS' : 'GET'
    const answer = await raw(
      Number(port),
      `${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    )
    expect([target, statuses(answer)]).toEqual([target, [404]])
  }
  expect(await read()).toContain('ringfence_')
  // Whoever is not answered waits for ever.
}, 15_000)

test('a registry of the host gets the metrics besides its own', async () => {
  const registry = new Registry()
  const served = await serveMeasured(registry)
  await fetch(`${served.url}/livez`)
  expect(await registry.metrics()).toContain('route="/livez",status="200"')
})

test('a port that is taken fails the start, and leaves nothing open', async () => {
  const first = await serveMeasured()
  const port = Number(new URL(first.metricsUrl).port)
  const second = createServer({ engine: testEngine(), auth, metrics: { port } })
  onTestFinished(() => second.close({ graceMs: 0 }))
  await expect(second.listen({ port: 0 })).rejects.toThrow('EADDRINUSE')
})
