import { createServer as createHttpServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRevocations, jwtAuth } from '@ringfence/server'
import {
  base64url,
  exportJWK,
  generateKeyPair,
  SignJWT,
  type CryptoKey,
  type JWTHeaderParameters,
  type JWTPayload,
} from 'jose'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { all, Client, sseEvents, until } from '../support/client.ts'
import { serve, type TestServer } from '../support/serve.ts'
import { SocketClient } from '../support/socket.ts'
import { tokenFor } from '../support/tokens.ts'

const issuer = 'https://issuer.test'
const audience = 'agents'
let keys: { publicKey: CryptoKey; privateKey: CryptoKey }
let other: { publicKey: CryptoKey; privateKey: CryptoKey }

beforeAll(async () => {
  keys = await generateKeyPair('RS256', { extractable: true })
  other = await generateKeyPair('RS256', { extractable: true })
})

const seconds = (): number => Math.floor(Date.now() / 1_000)

function claims(changes: JWTPayload = {}): JWTPayload {
  return {
    iss: issuer,
    aud: audience,
    sub: 'alice',
    iat: seconds(),
    exp: seconds() + 60,
    ...changes,
  }
}

function sign(
  payload: JWTPayload,
  header: Partial<JWTHeaderParameters> = {},
  key: CryptoKey | Uint8Array = keys.privateKey,
): Promise<string> {
  return new SignJWT(payload)
    .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'known', ...header })
    .sign(key)
}

/** An address that counts who asks it for keys. */
async function publishKeys(): Promise<{ url: string; server: Server; hits: () => number }> {
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'known', alg: 'RS256' }
  let hits = 0
  const server = createHttpServer((_request, response) => {
    hits += 1
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys: [jwk] }))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(() => void server.close())
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/jwks`, server, hits: () => hits }
}

const statusFor = async ({ url }: TestServer, token: string): Promise<number> =>
  (await fetch(`${url}/v1/agents`, { headers: { authorization: `Bearer ${token}` } })).status

test('threat 4: a token that is not exactly what was agreed is 401 invalid_token, and nothing it points at is fetched', async () => {
  const published = await publishKeys()
  const lure = await publishKeys()
  const server = await serve({
    auth: jwtAuth({ issuer, audience, jwksUri: published.url, typ: 'at+jwt' }),
  })
  expect(await statusFor(server, await sign(claims()))).toBe(200)
  const hits = published.hits()
  const jwk = await exportJWK(other.publicKey)
  const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(keys.publicKey)))
  const part = (value: object): string => base64url.encode(JSON.stringify(value))
  const [head = '', , signature = ''] = (await sign(claims())).split('.')
  const forged: readonly string[] = [
    `${part({ alg: 'none', typ: 'at+jwt' })}.${part(claims())}.`,
    `${part({ alg: 'NONE', typ: 'at+jwt' })}.${part(claims())}.`,
    `${head}.${part(claims({ sub: 'bob' }))}.${signature}`,
    await sign(claims(), { alg: 'HS256' }, secret),
    await sign(claims(), { jwk }, other.privateKey),
    await sign(claims(), { jku: lure.url }, other.privateKey),
    await sign(claims(), { x5u: lure.url }, other.privateKey),
    await sign(claims(), { kid: '../../../dev/null' }, other.privateKey),
    await sign(claims(), { kid: lure.url }, other.privateKey),
    await sign(claims({ iss: 'https://evil.test' })),
    await sign(claims({ aud: 'billing' })),
    await sign(claims({ exp: seconds() - 60 })),
    await sign(claims({ nbf: seconds() + 600 })),
    await sign(claims({ iat: seconds() + 600 })),
    await sign(claims(), { typ: 'JWT' }),
    await sign(claims({ sub: '' })),
    await sign(claims(), {}, other.privateKey),
  ]
  for (const token of forged) {
    const response = await fetch(`${server.url}/v1/agents`, {
      headers: { authorization: `Bearer ${token}` },
    })
    expect([token, response.status]).toEqual([token, 401])
    expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"')
  }
  expect(lure.hits()).toBe(0)
  const anyKind = await serve({ auth: jwtAuth({ issuer, audience, key: keys.publicKey }) })
  for (const typ of ['logout+jwt', 'dpop+jwt', 'application/secevent+jwt', '']) {
    expect([typ, await statusFor(anyKind, await sign(claims(), { typ }))]).toEqual([typ, 401])
  }
  for (const header of [{ typ: 'JWT' }, { typ: 'application/at+jwt' }]) {
    expect(await statusFor(anyKind, await sign(claims(), header))).toBe(200)
  }
  const untyped = new SignJWT(claims()).setProtectedHeader({ alg: 'RS256' })
  expect(await statusFor(anyKind, await untyped.sign(keys.privateKey))).toBe(200)
  // Made-up key ids fall within the cooldown of the one fetch.
  expect(published.hits()).toBe(hits)
})

test('threat 5: made-up key ids fetch the published keys no more than once, and known keys serve while they are down', async () => {
  const published = await publishKeys()
  const server = await serve({ auth: jwtAuth({ issuer, audience, jwksUri: published.url }) })
  const forged = await Promise.all(
    Array.from({ length: 200 }, (_value, index) =>
      sign(claims(), { kid: `made-up-${index}` }, other.privateKey),
    ),
  )
  const answers = await Promise.all(forged.map((token) => statusFor(server, token)))
  expect(new Set(answers)).toEqual(new Set([401]))
  expect(published.hits()).toBe(1)
  await new Promise((resolve) => {
    published.server.close(resolve)
    published.server.closeAllConnections()
  })
  expect(await statusFor(server, await sign(claims({ sub: 'bob' })))).toBe(200)
  expect(await statusFor(server, forged[0] ?? '')).toBe(401)
})

test('threat 30: a stream and a socket end when their token expires', async () => {
  const server = await serve()
  const token = await tokenFor('alice', { exp: seconds() + 4 })
  const headers = { authorization: `Bearer ${token}` }
  const alice = await Client.of(server, 'alice')
  const runId = await alice.start('gated', { gate: 'g' })
  const socket = await SocketClient.open(`${server.url}/v1/ws`, { headers })
  socket.send({ type: 'follow', id: 'f', runId })
  const stream = await fetch(`${server.url}/v1/runs/${runId}/events`, { headers })
  const problems: string[] = []
  const seen = await all(sseEvents(stream, problems))
  expect(seen.map(({ event }) => event.type)).toEqual(['agent_started', 'agent_text'])
  expect(problems).toEqual(['invalid_token'])
  expect(await socket.closed).toBe(4401)
  expect(await statusFor(server, token)).toBe(401)
  server.gates.open('g')
  expect((await alice.story(runId)).at(-1)?.event.type).toBe('agent_completed')
})

test('threat 30: a stream and a socket end when their owner is revoked, and the token is refused from then on', async () => {
  const revocations = createRevocations()
  const server = await serve({ revocations })
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const problems: string[] = []
  const open = async (
    client: Client,
  ): Promise<{ socket: SocketClient; rest: () => Promise<unknown[]> }> => {
    const runId = await client.start('gated', { gate: client === bob ? 'bob' : 'never' })
    const stream = sseEvents(await client.follow(runId), problems)
    await until(stream, 'agent_text')
    const headers = { authorization: `Bearer ${client.token}` }
    const socket = await SocketClient.open(`${server.url}/v1/ws`, { headers })
    await socket.frame(() => true)
    return { socket, rest: () => all(stream) }
  }
  const [alices, bobs] = [await open(alice), await open(bob)]
  revocations.revoke({ userId: 'alice' })
  expect(await alices.socket.closed).toBe(4403)
  await alices.rest()
  expect(problems).toEqual(['invalid_token'])
  expect((await alice.request('/v1/runs')).status).toBe(401)
  server.gates.open('bob')
  expect(await bobs.rest()).toHaveLength(2)
  bobs.socket.send({ type: 'ping', id: 'p' })
  await bobs.socket.frame(({ type }) => type === 'pong')
})
