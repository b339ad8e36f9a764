import { request } from 'node:http'
import type { Peer } from '@ringfence/server'
import { describe, expect, test } from 'vitest'
import { all, Client, sseEvents, until } from '../support/client.ts'
import { proxies, startProxy } from '../support/proxy-process.ts'
import { raw, statuses } from '../support/raw.ts'
import { serve, type TestServer } from '../support/serve.ts'
import { SocketClient } from '../support/socket.ts'
import { auth } from '../support/tokens.ts'
import { waiting } from '../support/waiting.ts'

describe.each(proxies)('$name', (proxy) => {
  const skipped = proxy.path === undefined
  const note = skipped ? `skipped: no ${proxy.name} is installed: ` : ''

  async function open(): Promise<{
    server: TestServer
    url: string
    port: number
    peers: Peer[]
    client: (userId: string) => Promise<Client>
  }> {
    const peers: Peer[] = []
    const server = await serve({
      trustProxy: ['127.0.0.1/32'],
      auth: (asked) => {
        peers.push(asked.peer)
        return auth(asked)
      },
    })
    const port = await startProxy(proxy, [server.port])
    const url = `http://127.0.0.1:${port}`
    const client = (userId: string): Promise<Client> => Client.of({ url, fetch }, userId)
    return { server, url, port, peers, client }
  }

  test.skipIf(skipped)(
    `${note}events come one by one, and a stream that was cut resumes without gap and repeat`,
    async () => {
      const { server, client } = await open()
      const alice = await client('alice')
      const runId = await alice.start('gated', { gate: 'g' })
      const leaving = new AbortController()
      const response = await alice.request(`/v1/runs/${runId}/events`, { signal: leaving.signal })
      // Here before the run goes on: nothing on the way waits for more.
      const first = await until(sseEvents(response), 'agent_text')
      leaving.abort()
      server.gates.open('g')
      const rest = await alice.story(runId, first.id)
      expect(
        rest.map(({ event }) => [event.type, event.type === 'agent_progress' ? '' : event.runId]),
      ).toEqual([
        ['agent_text', runId],
        ['agent_completed', runId],
      ])
      const whole = await alice.story(runId)
      expect(whole.slice(-2)).toEqual(rest)
    },
  )

  test.skipIf(skipped)(`${note}a socket opens, and carries runs`, async () => {
    const { url, client } = await open()
    const alice = await client('alice')
    const socket = await SocketClient.open(`${url}/v1/ws`, {
      headers: { authorization: `Bearer ${alice.token}` },
    })
    socket.send({ type: 'start', id: 'a', agent: 'echo', input: { text: 'x' } })
    expect(await socket.event('a', 'agent_completed')).toMatchObject({ event: { userId: 'alice' } })
  })

  test.skipIf(skipped)(
    `${note}the address of a client is its own, whatever it says of itself`,
    async () => {
      const { port, peers, client } = await open()
      const { token } = await client('alice')
      const status = await new Promise((resolve, reject) => {
        const sent = request(
          {
            host: '127.0.0.1',
            port,
            localAddress: '127.0.0.2',
            path: '/v1/runs',
            headers: {
              authorization: `Bearer ${token}`,
              host: 'agents.example',
              'x-forwarded-for': '203.0.113.7, 203.0.113.8',
              'x-forwarded-host': 'evil.test',
              'x-forwarded-proto': 'gopher',
              'x-real-ip': '203.0.113.7',
              forwarded: 'for=203.0.113.7;host=evil.test',
            },
          },
          (response) => {
            response.resume()
            resolve(response.statusCode)
          },
        )
        sent.once('error', reject)
        sent.end()
      })
      expect(status).toBe(200)
      expect(peers).toEqual([{ address: '127.0.0.2', proto: 'http', host: 'agents.example' }])
    },
  )

  test.skipIf(skipped)(
    `${note}a client that leaves ends the run that was to end with it`,
    async () => {
      const { client } = await open()
      const alice = await client('alice')
      const leaving = new AbortController()
      const response = await alice.request('/v1/agents/gated/runs', {
        method: 'POST',
        headers: { accept: 'text/event-stream', 'content-type': 'application/json' },
        body: JSON.stringify({ input: { gate: 'never' }, onDisconnect: 'cancel' }),
        signal: leaving.signal,
      })
      const { event } = await until(sseEvents(response), 'agent_text')
      leaving.abort()
      expect((await alice.story(event.runId)).at(-1)?.event).toMatchObject({
        type: 'agent_cancelled',
        data: { reason: 'disconnect' },
      })
    },
  )

  test.skipIf(skipped)(
    `${note}nothing is smuggled: what reaches the server was answered to whoever sent it`,
    async () => {
      const { server, port, client } = await open()
      const [mallory, victim] = [await client('mallory'), await client('victim')]
      const hidden = `GET /v1/runs/hidden HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${mallory.token}\r\nConnection: close\r\n\r\n`
      const post = (lines: string): string =>
        `POST /v1/agents/echo/runs HTTP/1.1\r\nHost: x\r\n${lines}\r\nContent-Type: application/json\r\nAuthorization: Bearer ${mallory.token}\r\n\r\n`
      const vectors = [
        `${post('Content-Length: 6\r\nTransfer-Encoding: chunked')}0\r\n\r\n${hidden}`,
        `${post(`Content-Length: ${hidden.length}\r\nContent-Length: 0`)}${hidden}`,
        `${post('Transfer-Encoding: xchunked')}${hidden}`,
        `${post('Transfer-Encoding : chunked')}0\r\n\r\n${hidden}`,
        `${post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity')}0\r\n\r\n${hidden}`,
        `GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n${hidden}`,
        `GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n${hidden}`,
        `GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\n\r\n${hidden}`,
      ]
      for (const bytes of vectors) {
        const before = server.lines.filter(({ path }) => path === '/v1/runs/hidden').length
        const answer = await raw(port, bytes)
        const reached =
          server.lines.filter(({ path }) => path === '/v1/runs/hidden').length - before
        // One that the proxy took for a second request of the same client was answered as one.
        expect([
          bytes.split('\r\n')[2],
          reached <= statuses(answer).filter((status) => status === 404).length,
        ]).toEqual([bytes.split('\r\n')[2], true])
        expect((await victim.request('/v1/runs')).status).toBe(200)
      }
    },
  )

  test.skipIf(skipped)(`${note}twenty streams at once, each through to its end`, async () => {
    const { server, client } = await open()
    const clients = await Promise.all(
      Array.from({ length: 20 }, (_value, index) => client(`user-${index}`)),
    )
    const stories = clients.map(async (each) => {
      const runId = await each.start('gated', { gate: 'g' })
      return all(sseEvents(await each.follow(runId)))
    })
    await expect
      .poll(() => server.lines.filter(({ status }) => status === 202).length, waiting)
      .toBe(20)
    server.gates.open('g')
    for (const [index, story] of (await Promise.all(stories)).entries()) {
      expect(story.at(-1)?.event).toMatchObject({
        type: 'agent_completed',
        userId: `user-${index}`,
      })
    }
  })
})
