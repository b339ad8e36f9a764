import { connect, createServer, type ClientHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { inspect } from '@ringfence/context'
import { createHandler, type HandlerLimits } from '@ringfence/server'
import { expect, onTestFinished, test } from 'vitest'
import { testEngine } from '../support/agents.ts'
import { Client } from '../support/client.ts'
import { auth } from '../support/tokens.ts'
import { waiting } from '../support/waiting.ts'

// What breaks HTTP/2 leaves its client without an answer: this bounds how long that takes to be told.
const bound = 30_000

/** The handler on Node's HTTP/2, as a host might serve it. */
async function serveHttp2(
  limits: Partial<HandlerLimits> = {},
): Promise<{ port: number; alice: Client; token: string; runId: string }> {
  const engine = testEngine()
  const fetch = createHandler({ engine, auth, limits })
  const server = createAdaptorServer({
    fetch,
    createServer,
    overrideGlobalObjects: false,
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(async () => {
    await engine.close({ graceMs: 0 })
    // Its clients' sessions go with the test, too, and it with them.
    server.close()
  })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { port } = server.address() as AddressInfo
  const served = {
    url: 'http://agents.test',
    fetch: async (url: string, init?: RequestInit) => fetch(new Request(url, init)),
  }
  const alice = await Client.of(served, 'alice')
  const runId = await alice.start('echo', { text: 'over http2' })
  await alice.story(runId)
  return { port, alice, token: alice.token, runId }
}

test(
  'threat 29: a stream over HTTP/2 is whole, and two thousand streams that are reset at once leave the process serving',
  async () => {
    const { port, token, runId } = await serveHttp2()
    const session = connect(`http://127.0.0.1:${port}`)
    onTestFinished(() => session.destroy())
    session.on('error', () => undefined)
    const ask = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const stream = session.request({
          ':path': `/v1/runs/${runId}/events`,
          authorization: `Bearer ${token}`,
        })
        let text = ''
        stream.on('data', (data) => {
          text += String(data)
        })
        stream.once('end', () => resolve(text))
        stream.once('error', reject)
      })
    expect(await ask()).toContain('event: agent_completed')

    const attacker = connect(`http://127.0.0.1:${port}`)
    onTestFinished(() => attacker.destroy())
    attacker.on('error', () => undefined)
    await new Promise((resolve) => attacker.once('connect', resolve))
    for (let index = 0; index < 2_000 && !attacker.destroyed; index += 1) {
      const stream = attacker.request({
        ':path': `/v1/runs/${runId}/events`,
        authorization: `Bearer ${token}`,
      })
      stream.on('error', () => undefined)
      stream.close(8)
    }
    expect(await ask()).toContain('event: agent_completed')
  },
  bound,
)

test(
  'threat 29: what only HTTP/1.1 has breaks no HTTP/2, and a stream that nobody reads is cut without its connection',
  async () => {
    const { port, alice } = await serveHttp2({ heartbeatMs: 50, unreadMs: 200 })
    const long = await alice.start('chatty', { count: 100, size: 50_000 })
    await alice.story(long)
    const session = connect(`http://127.0.0.1:${port}`)
    onTestFinished(() => session.destroy())
    session.on('error', () => undefined)
    const begin = (path: string, headers: Record<string, string> = {}): ClientHttp2Stream => {
      const authorization = `Bearer ${alice.token}`
      const stream = session.request({ ':path': path, authorization, ...headers })
      stream.on('error', () => undefined)
      return stream
    }
    const statusOf = (stream: ClientHttp2Stream): Promise<unknown> =>
      new Promise((resolve, reject) => {
        stream.resume()
        stream.once('response', (headers) => resolve(headers[':status']))
        stream.once('close', () => reject(new Error(`closed with ${stream.rstCode}`)))
      })
    const stalled = begin(`/v1/runs/${long}/events`)
    const cut = new Promise((resolve) => stalled.once('close', resolve))
    await new Promise((resolve) => stalled.once('response', resolve))
    for (const path of ['/v1/ws', '/v1/chat/ws']) expect(await statusOf(begin(path))).toBe(426)
    expect(await statusOf(begin('/v1/runs', { te: 'trailers' }))).toBe(200)
    expect(await statusOf(begin('/v1/runs', { ':method': 'HEAD' }))).toBe(200)
    expect(await statusOf(begin('/v1/nothing'))).toBe(404)
    await expect.poll(() => inspect().openScopes, waiting).toBe(0)
    let rest = ''
    stalled.on('data', (data) => {
      rest += String(data)
    })
    await cut
    expect(rest.length).toBeLessThan(1_000_000)
    expect(await statusOf(begin('/v1/runs'))).toBe(200)
    expect(session.destroyed).toBe(false)
  },
  bound,
)
