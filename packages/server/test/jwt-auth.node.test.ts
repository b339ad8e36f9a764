import { createSecretKey } from 'node:crypto'
import { createServer as createHttpServer } from 'node:http'
import {
  base64url,
  exportJWK,
  generateKeyPair,
  SignJWT,
  type CryptoKey,
  type JWTHeaderParameters,
  type JWTPayload,
} from 'jose'
import { InvalidToken, jwtAuth, type Identify, type JwtAuthOptions } from '@ringfence/server'
import { Context } from 'hono'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'

const issuer = 'https://issuer.test'
const audience = 'agents'
let keys: { publicKey: CryptoKey; privateKey: CryptoKey }
let other: { publicKey: CryptoKey; privateKey: CryptoKey }

beforeAll(async () => {
  keys = await generateKeyPair('RS256', { extractable: true })
  other = await generateKeyPair('RS256')
})

const now = (): number => Math.floor(Date.now() / 1_000)

function claims(changes: JWTPayload = {}): JWTPayload {
  return { iss: issuer, aud: audience, sub: 'alice', exp: now() + 60, ...changes }
}

function sign(
  payload: JWTPayload,
  header: Partial<JWTHeaderParameters> = {},
  key: CryptoKey | Uint8Array = keys.privateKey,
): Promise<string> {
  return new SignJWT(payload)
    .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', ...header })
    .sign(key)
}

async function ask(identify: Identify, authorization?: string): Promise<unknown> {
  const headers = authorization === undefined ? {} : { authorization }
  const request = new Request('http://agents.test', { headers })
  return identify({ request, peer: { address: undefined }, hono: new Context(request) })
}

test('a good token says who is asking, and until when', async () => {
  const auth = jwtAuth({ issuer, audience, key: keys.publicKey })
  const payload = claims({ roles: ['admin'] })
  expect(await ask(auth, `Bearer ${await sign(payload)}`)).toEqual({
    userId: 'alice',
    roles: ['admin'],
    expiresAt: (payload.exp ?? 0) * 1_000,
    issuedAt: 0,
  })
})

test('no token is nobody', async () => {
  const auth = jwtAuth({ issuer, audience, key: keys.publicKey })
  expect(await ask(auth)).toBeNull()
  expect(await ask(auth, 'Basic YTpi')).toBeNull()
})

describe('a token is refused', () => {
  const unsigned = (payload: JWTPayload, alg: string): string =>
    `${base64url.encode(JSON.stringify({ alg, typ: 'at+jwt' }))}.${base64url.encode(JSON.stringify(payload))}.`

  const forged: [string, () => Promise<string> | string][] = [
    ['with alg none', () => unsigned(claims(), 'none')],
    ['with alg NONE', () => unsigned(claims(), 'NONE')],
    [
      'signed by HMAC with the public key as its secret',
      async () => {
        const jwk = await exportJWK(keys.publicKey)
        const secret = new TextEncoder().encode(JSON.stringify(jwk))
        return sign(claims(), { alg: 'HS256' }, secret)
      },
    ],
    ['signed with another key', () => sign(claims(), {}, other.privateKey)],
    [
      'with another key in its own header',
      async () => {
        const jwk = await exportJWK(other.publicKey)
        return sign(claims(), { jwk }, other.privateKey)
      },
    ],
    [
      'with an address of keys in its own header',
      () => sign(claims(), { jku: 'http://127.0.0.1:9/' }, other.privateKey),
    ],
    ['of another issuer', () => sign(claims({ iss: 'https://evil.test' }))],
    ['for another audience', () => sign(claims({ aud: 'billing' }))],
    ['that has expired', () => sign(claims({ exp: now() - 60 }))],
    ['that is not valid yet', () => sign(claims({ nbf: now() + 60 }))],
    ['without an expiry', () => sign({ iss: issuer, aud: audience, sub: 'alice' })],
    ['without a subject', () => sign({ iss: issuer, aud: audience, exp: now() + 60 })],
    ['that was changed', async () => (await sign(claims())).replace(/\.(.)/, '.x')],
    ['that is none', () => 'a.b.c'],
    ['of another type', () => sign(claims(), { typ: 'JWT' })],
  ]

  test.each(forged)('%s', async (_name, token) => {
    const auth = jwtAuth({ issuer, audience, key: keys.publicKey, typ: 'at+jwt' })
    const good = await sign(claims())
    expect(await ask(auth, `Bearer ${good}`)).toMatchObject({ userId: 'alice' })
    await expect(ask(auth, `Bearer ${await token()}`)).rejects.toBeInstanceOf(InvalidToken)
  })

  test('whose algorithm is not among the accepted ones', async () => {
    const auth = jwtAuth({ issuer, audience, key: keys.publicKey, algorithms: ['PS256'] })
    await expect(ask(auth, `Bearer ${await sign(claims())}`)).rejects.toBeInstanceOf(InvalidToken)
  })

  test('without a claim that is required', async () => {
    const auth = jwtAuth({ issuer, audience, key: keys.publicKey, requiredClaims: ['tenant'] })
    await expect(ask(auth, `Bearer ${await sign(claims())}`)).rejects.toBeInstanceOf(InvalidToken)
  })
})

test('the application says whom the claims stand for', async () => {
  const auth = jwtAuth({
    issuer,
    audience,
    key: keys.publicKey,
    identity: ({ sub, tid }) =>
      typeof sub === 'string' && typeof tid === 'string' ? { userId: sub, tenantId: tid } : null,
  })
  const payload = claims({ tid: 'acme' })
  expect(await ask(auth, `Bearer ${await sign(payload)}`)).toEqual({
    userId: 'alice',
    tenantId: 'acme',
    expiresAt: (payload.exp ?? 0) * 1_000,
    issuedAt: 0,
  })
  expect(await ask(auth, `Bearer ${await sign(claims())}`)).toBeNull()
})

describe('published keys', () => {
  async function publish(status = 200): Promise<{ url: string; hits: () => number }> {
    let hits = 0
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'RS256' }
    const server = createHttpServer((_request, response) => {
      hits += 1
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ keys: [jwk] }))
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    onTestFinished(() => void server.close())
    const address = server.address()
    return {
      url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/jwks`,
      hits: () => hits,
    }
  }

  test('are fetched when first needed, and once', async () => {
    const { url, hits } = await publish()
    const auth = jwtAuth({ issuer, audience, jwksUri: url })
    expect(hits()).toBe(0)
    const token = await sign(claims(), { kid: 'one' })
    const asked = await Promise.all(Array.from({ length: 20 }, () => ask(auth, `Bearer ${token}`)))
    expect(asked).toHaveLength(20)
    expect(hits()).toBe(1)
  })

  test('are not fetched again for every made-up key id', async () => {
    const { url, hits } = await publish()
    const auth = jwtAuth({ issuer, audience, jwksUri: url })
    for (let index = 0; index < 20; index += 1) {
      const token = await sign(claims(), { kid: `made-up-${index}` })
      await expect(ask(auth, `Bearer ${token}`)).rejects.toBeInstanceOf(InvalidToken)
    }
    expect(hits()).toBe(1)
  })

  test('that cannot be had are no fault of the token', async () => {
    const { url } = await publish(500)
    const auth = jwtAuth({ issuer, audience, jwksUri: url })
    const asked = ask(auth, `Bearer ${await sign(claims(), { kid: 'one' })}`)
    await expect(asked).rejects.not.toBeInstanceOf(InvalidToken)
  })
})

describe('options that would not check anything are refused', () => {
  const secret = new Uint8Array(32)
  test.each<[string, Partial<JwtAuthOptions>]>([
    ['no key', {}],
    ['two keys', { key: secret, jwksUri: 'https://issuer.test/jwks' }],
    ['no issuer', { issuer: '', key: secret }],
    ['no audience', { audience: [], key: secret }],
    ['no algorithm', { algorithms: [], key: secret }],
    ['the algorithm none', { algorithms: ['HS256', 'None'], key: secret }],
    ['keys over plain HTTP', { jwksUri: 'http://issuer.test/jwks' }],
  ])('%s', (_name, options) => {
    expect(() => jwtAuth({ issuer, audience, ...options })).toThrow(TypeError)
  })
})

describe('a secret of fewer than 32 bytes is refused', () => {
  const short = new Uint8Array(31)
  const hmac = (bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> =>
    crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
  test.each<[string, (bytes: Uint8Array<ArrayBuffer>) => unknown]>([
    ['as bytes', (bytes) => bytes],
    ['as a JWK', (bytes) => ({ kty: 'oct', k: base64url.encode(bytes) })],
    ['as a KeyObject', (bytes) => createSecretKey(bytes)],
    ['as a CryptoKey', hmac],
  ])('%s', async (_name, make) => {
    const build = async (bytes: Uint8Array<ArrayBuffer>): Promise<Identify> => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      const key = (await make(bytes)) as NonNullable<JwtAuthOptions['key']>
      return jwtAuth({ issuer, audience, key, algorithms: ['HS256'] })
    }
    await expect(build(short)).rejects.toThrow(TypeError)
    await expect(build(new Uint8Array(4))).rejects.toThrow('32 bytes')
    expect(await build(new Uint8Array(32))).toBeTypeOf('function')
  })
})

describe('a token that was verified', () => {
  const counting = (options: Partial<JwtAuthOptions> = {}): [Identify, () => number] => {
    let verified = 0
    const auth = jwtAuth({
      issuer,
      audience,
      key: keys.publicKey,
      identity: ({ sub = '' }) => {
        verified += 1
        return { userId: sub }
      },
      ...options,
    })
    return [auth, () => verified]
  }

  test('is not verified again, and stands for its own user only', async () => {
    const [auth, verified] = counting()
    const alice = `Bearer ${await sign(claims())}`
    const bob = `Bearer ${await sign(claims({ sub: 'bob' }))}`
    for (let round = 0; round < 3; round += 1) {
      expect(await ask(auth, alice)).toMatchObject({ userId: 'alice' })
      expect(await ask(auth, bob)).toMatchObject({ userId: 'bob' })
    }
    expect(verified()).toBe(2)
  })

  test("is remembered by its digest: what is in memory is nobody's token", async () => {
    const [auth, verified] = counting()
    const alice = `Bearer ${await sign(claims())}`
    const remember = vi.spyOn(Map.prototype, 'set')
    onTestFinished(() => remember.mockRestore())
    await ask(auth, alice)
    await ask(auth, alice)
    expect(verified()).toBe(1)
    const kept = remember.mock.calls.filter(([, value]) => JSON.stringify(value)?.includes('alice'))
    expect(kept).not.toHaveLength(0)
    for (const [key] of kept) expect(alice).not.toContain(key)
  })

  test('does not vouch for one that differs by a character', async () => {
    const [auth] = counting()
    const token = await sign(claims())
    await ask(auth, `Bearer ${token}`)
    const at = token.length - 10
    const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
    await expect(ask(auth, `Bearer ${changed}`)).rejects.toBeInstanceOf(InvalidToken)
  })

  test('is verified again when its time is up, and every time where that is asked for', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => {
      vi.useRealTimers()
    })
    const [auth, verified] = counting({ verified: { ms: 1_000 } })
    const token = `Bearer ${await sign(claims())}`
    await ask(auth, token)
    vi.setSystemTime(Date.now() + 999)
    await ask(auth, token)
    expect(verified()).toBe(1)
    vi.setSystemTime(Date.now() + 2)
    await ask(auth, token)
    expect(verified()).toBe(2)
    const [never, times] = counting({ verified: { ms: 0 } })
    await ask(never, token)
    await ask(never, token)
    expect(times()).toBe(2)
  })

  test('is not believed beyond its own end', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => {
      vi.useRealTimers()
    })
    const [auth] = counting({ verified: { ms: 3_600_000 }, clockToleranceSeconds: 0 })
    const token = `Bearer ${await sign(claims({ exp: now() + 10 }))}`
    await ask(auth, token)
    vi.setSystemTime(Date.now() + 11_000)
    await expect(ask(auth, token)).rejects.toBeInstanceOf(InvalidToken)
  })

  test('makes room for others: the one that was not used for longest goes', async () => {
    const [auth, verified] = counting({ verified: { tokens: 2 } })
    const [one, two, three] = await Promise.all(
      ['one', 'two', 'three'].map(async (sub) => `Bearer ${await sign(claims({ sub }))}`),
    )
    await ask(auth, one)
    await ask(auth, two)
    await ask(auth, one)
    await ask(auth, three)
    await ask(auth, one)
    expect(verified()).toBe(3)
    await ask(auth, two)
    expect(verified()).toBe(4)
  })
})
