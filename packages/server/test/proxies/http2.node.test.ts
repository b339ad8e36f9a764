import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Client } from '../support/client.ts'
import { proxies, startProxy, type ProxyProgram } from '../support/proxy-process.ts'
import { serve } from '../support/serve.ts'

/** The example's configurations, with HTTP/2 towards clients that know it beforehand: no test has a certificate. */
const overHttp2: Record<ProxyProgram['name'], (configuration: string) => string> = {
  nginx: (configuration) => configuration.replace('127.0.0.1:8080;', '127.0.0.1:8080 http2;'),
  haproxy: (configuration) =>
    configuration.replace('bind 127.0.0.1:8080', 'bind 127.0.0.1:8080 proto h2'),
  caddy: (configuration) =>
    configuration.replace('admin off', 'admin off\n\tservers {\n\t\tprotocols h1 h2c\n\t}'),
}

interface Answer {
  readonly status: number
  readonly body: string
}

function send(
  session: ClientHttp2Session,
  { token }: Client,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): ClientHttp2Stream {
  const stream = session.request({
    ':path': path,
    ':method': body === undefined ? 'GET' : 'POST',
    authorization: `Bearer ${token}`,
    ...(body && { 'content-type': 'application/json' }),
    ...headers,
  })
  stream.on('error', () => undefined)
  stream.end(body && JSON.stringify(body))
  return stream
}

function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let status = 0
    let body = ''
    stream.setEncoding('utf8')
    stream.once('response', (headers) => {
      status = Number(headers[':status'])
    })
    stream.on('data', (text: string) => {
      body += text
    })
    stream.once('end', () => resolve({ status, body }))
    stream.once('error', reject)
  })
}

describe.each(proxies)('$name with HTTP/2', (proxy) => {
  const skipped = proxy.path === undefined
  const note = skipped ? `skipped: no ${proxy.name} is installed: ` : ''

  async function open(): Promise<{
    server: Awaited<ReturnType<typeof serve>>
    session: ClientHttp2Session
  }> {
    const server = await serve({
      trustProxy: ['127.0.0.1/32'],
      limits: { heartbeatMs: 100, unreadMs: 60_000 },
    })
    const port = await startProxy(proxy, [server.port], overHttp2[proxy.name])
    const session = connect(`http://127.0.0.1:${port}`)
    session.on('error', () => undefined)
    onTestFinished(() => session.destroy())
    return { server, session }
  }

  test.skipIf(skipped)(
    `${note}streams of several users over one connection are each their own, and one that is reset ends alone`,
    async () => {
      const { server, session } = await open()
      const clients = await Promise.all(
        ['alice', 'bob', 'carol', 'dave'].map((userId) => Client.of(server, userId)),
      )
      const [leaver] = clients
      if (leaver === undefined) return
      const sse = { accept: 'text/event-stream' }
      const leaving = send(
        session,
        leaver,
        '/v1/agents/gated/runs',
        { input: { gate: 'never' }, onDisconnect: 'cancel' },
        sse,
      )
      const begun = await new Promise<string>((resolve) =>
        leaving.on('data', (data) => {
          const runId = /"runId":"([^"]+)"/.exec(String(data))?.[1]
          if (runId !== undefined) resolve(runId)
        }),
      )
      const streams = clients.map((client) =>
        answerOf(send(session, client, '/v1/agents/gated/runs', { input: { gate: 'g' } }, sse)),
      )
      leaving.close(8)
      const story = await leaver.story(begun)
      expect(story.at(-1)?.event).toMatchObject({
        type: 'agent_cancelled',
        data: { reason: 'disconnect' },
      })
      server.gates.open('g')
      for (const [index, { status, body }] of (await Promise.all(streams)).entries()) {
        expect(status).toBe(200)
        expect(body).toContain('event: agent_completed')
        const users = new Set([...body.matchAll(/"userId":"([^"]+)"/g)].map(([, user]) => user))
        expect([...users]).toEqual([['alice', 'bob', 'carol', 'dave'][index]])
      }
    },
  )

  test.skipIf(skipped)(
    `${note}a stream that is not read holds up no other of its connection, and is whole once it is read`,
    async () => {
      const { server, session } = await open()
      const alice = await Client.of(server, 'alice')
      const runId = await alice.start('chatty', { count: 100, size: 50_000 })
      expect(await alice.story(runId)).toHaveLength(102)
      const stalled = send(session, alice, `/v1/runs/${runId}/events`)
      await new Promise((resolve) => stalled.once('response', resolve))
      for (let index = 0; index < 20; index += 1) {
        const { status, body } = await answerOf(send(session, alice, '/v1/runs'))
        expect([status, body.includes(runId)]).toEqual([200, true])
      }
      const events = (await answerOf(stalled)).body.match(/^event: /gm)
      expect(events).toHaveLength(102)
    },
  )

  test.skipIf(skipped)(
    `${note}what HTTP/2 has not is refused: no socket opens, and its connection goes on`,
    async () => {
      const { server, session } = await open()
      const alice = await Client.of(server, 'alice')
      for (const path of ['/v1/ws', '/v1/chat/ws']) {
        const told = await answerOf(send(session, alice, path)).then(
          ({ status }) => status,
          // nginx 1.22 passes on the `Upgrade` of a 426, which no answer over HTTP/2 may have: its client resets the stream.
          () => (proxy.name === 'nginx' ? 426 : 'reset'),
        )
        expect([path, told]).toEqual([path, 426])
      }
      expect((await answerOf(send(session, alice, '/v1/runs'))).status).toBe(200)
    },
  )
})
