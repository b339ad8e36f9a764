import { expect, test } from 'vitest'
import { pino } from 'pino'
import { createServer } from '@ringfence/server'
import { testEngine, Gates } from './support/agents.ts'
import { Client } from './support/client.ts'
import { waiting } from './support/waiting.ts'
import { serve } from './support/serve.ts'
import { SocketClient } from './support/socket.ts'
import { auth } from './support/tokens.ts'

test('a request is one line, with the scope that it ran in', async () => {
  const server = await serve()
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('echo', { text: 'a' })
  await alice.story(runId)
  await expect.poll(() => server.lines.length, waiting).toEqual(2)
  expect(server.lines).toEqual([
    {
      msg: 'request',
      requestId: expect.stringMatching(/^[\da-f-]{36}$/),
      method: 'POST',
      route: '/v1/agents/:name/runs',
      path: '/v1/agents/echo/runs',
      status: 202,
      durationMs: expect.any(Number),
      scopeId: expect.stringMatching(/^[\da-f]{8}-[\da-z]+$/),
      runId,
    },
    expect.objectContaining({ method: 'GET', route: '/v1/runs/:id/events', status: 200, runId }),
  ])
  expect(server.lines[0]?.['scopeId']).not.toBe(server.lines[1]?.['scopeId'])
})

test('nothing that a user sends or is told gets into the log, whatever happens', async () => {
  const canary = 'canary-7f3a'
  let written = ''
  const logger = pino({ level: 'trace' }, { write: (line: string) => void (written += line) })
  const gates = new Gates()
  let failing = false
  const server = createServer({
    engine: testEngine(gates),
    auth: (asked) => {
      if (failing) throw new Error(canary, { cause: { canary } })
      return auth(asked)
    },
    logger,
  })
  const { url } = await server.listen({ port: 0 })
  const alice = await Client.of({ url, fetch }, 'alice')
  const headers = { cookie: canary, 'user-agent': canary, 'x-request-id': `a ${canary}` }
  await alice.request(`/v1/agents?token=${canary}`, { headers })
  await alice.request(`/v1/runs?limit=${canary}`, { headers })
  await alice.request('/v1/agents', { headers: { authorization: `Bearer ${canary}` } })
  await alice.request('/v1/agents', { headers: { authorization: `${canary} x` } })
  await alice.post('/v1/agents/echo/runs', { input: { text: { canary } } }, headers)
  await alice.post('/v1/agents/echo/runs', canary, headers)
  await alice.story(await alice.start('echo', { text: canary }))
  await (await fetch(`${url}/v1/ws?ticket=${canary}`)).text()
  const socket = await SocketClient.open(`${url}/v1/ws`, {
    headers: { authorization: `Bearer ${alice.token}`, cookie: canary },
  })
  socket.socket.send(`{"${canary}`)
  socket.send({ type: 'start', id: canary, agent: canary, input: canary })
  socket.send({ type: 'start', id: 'a', agent: 'echo', input: { text: canary } })
  await socket.event('a', 'agent_completed')
  failing = true
  expect((await alice.request('/v1/agents')).status).toBe(500)
  await server.close()
  expect(written.split('\n').length).toBeGreaterThan(10)
  expect(written).toContain('request failed')
  expect(written).not.toContain(canary)
  expect(written).not.toContain(alice.token)
})

test('a path cannot forge a line', async () => {
  const server = await serve()
  await fetch(`${server.url}/v1/runs/a%0d%0a%1b[31mforged`)
  await expect.poll(() => server.lines.length, waiting).toEqual(1)
  expect(JSON.stringify(server.lines[0]).split('\n')).toHaveLength(1)
})
