import type { Peer, TrustProxy } from '@ringfence/server'
import { expect, test } from 'vitest'
import { Client, json } from '../support/client.ts'
import { serve, type TestServer } from '../support/serve.ts'
import { auth } from '../support/tokens.ts'

/** A server that keeps what `identify` is told of each request's sender. */
async function serveAndWatch(
  trustProxy: TrustProxy,
): Promise<{ server: TestServer; alice: Client; peers: Peer[] }> {
  const peers: Peer[] = []
  const server = await serve({
    trustProxy,
    auth: (asked) => {
      peers.push(asked.peer)
      return auth(asked)
    },
  })
  return { server, alice: await Client.of(server, 'alice'), peers }
}

const spoofed = {
  'x-forwarded-for': '203.0.113.7',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'evil.test',
  'x-real-ip': '203.0.113.7',
}

test('threat 1: forwarded addresses, schemes and hosts count only where the peer is a trusted proxy', async () => {
  for (const trustProxy of [false, ['10.0.0.0/8'], 'cloudflare'] as const) {
    const { alice, peers } = await serveAndWatch(trustProxy)
    const response = await alice.post('/v1/agents/echo/runs', { input: { text: 'a' } }, spoofed)
    expect(peers).toEqual([{ address: '127.0.0.1', proto: undefined, host: undefined }])
    const { links } = await json<{ links: object }>(response)
    expect(JSON.stringify([links, [...response.headers]])).not.toMatch(/evil\.test|203\.0\.113/)
  }
})

test('threat 1: the walk goes from right to left and ends at the first address that is not trusted', async () => {
  const { alice, peers } = await serveAndWatch('loopback')
  const chain = (value: string): Promise<Response> =>
    alice.request('/v1/agents', { headers: { 'x-forwarded-for': value } })
  await chain('10.1.1.1, 198.51.100.9')
  await chain('198.51.100.9, 127.0.0.9')
  await chain('not an address, 198.51.100.9')
  expect(peers.map(({ address }) => address)).toEqual(
    Array.from({ length: 3 }, () => '198.51.100.9'),
  )
})

test('threat 2: the Forwarded header is not read unless it is the chosen family, and then alone', async () => {
  const both = { forwarded: 'for=203.0.113.7;proto=https;host=evil.test', ...spoofed }
  const customary = await serveAndWatch('loopback')
  await customary.alice.request('/v1/agents', {
    headers: { ...both, 'x-forwarded-for': '198.51.100.9', 'x-forwarded-host': 'a.test' },
  })
  expect(customary.peers[0]).toMatchObject({ address: '198.51.100.9', host: 'a.test' })
  const standard = await serveAndWatch({ proxies: 'loopback', header: 'forwarded' })
  await standard.alice.request('/v1/agents', {
    headers: { ...spoofed, forwarded: 'for=198.51.100.9;host=b.test' },
  })
  expect(standard.peers[0]).toMatchObject({ address: '198.51.100.9', host: 'b.test' })
})

test('threat 3: no header names a user, whatever it is called and whoever is trusted', async () => {
  const { alice, server } = await serveAndWatch('loopback')
  const names = [
    'x-user-id',
    'x-user',
    'x-remote-user',
    'remote-user',
    'x-forwarded-user',
    'x-forwarded-email',
    'x-auth-request-user',
    'x-tenant-id',
    'x-consumer-id',
    'cookie',
  ]
  const headers = {
    ...Object.fromEntries(names.map((name) => [name, 'userId=bob'])),
    baggage: 'userId=bob,ringfence.user=bob',
  }
  const response = await alice.post('/v1/agents/echo/runs', { input: { text: 'a' } }, headers)
  const { runId } = await json<{ runId: string }>(response)
  expect((await alice.story(runId)).at(-1)?.event).toMatchObject({
    userId: 'alice',
    data: { result: { userId: 'alice' } },
  })
  const bob = await Client.of(server, 'bob')
  expect(await json(await bob.request('/v1/runs'))).toEqual({ runs: [] })
  expect((await fetch(`${server.url}/v1/runs`, { headers })).status).toBe(401)
})
