import fc from 'fast-check'
import {
  base64url,
  CompactEncrypt,
  compactDecrypt,
  CompactSign,
  compactVerify,
  exportJWK,
  generateKeyPair,
  type CompactJWEHeaderParameters,
  type CompactJWSHeaderParameters,
} from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { currentScope, defineUserContext, runOutside, type Scope } from '../src/index.ts'
import {
  EnvelopeError,
  type EnvelopeErrorCode,
  type EnvelopeOpener,
  type EnvelopeSealer,
  type EnvelopeUse,
  type Passage,
  type SealOptions,
} from '../src/envelope/index.ts'
import { caught } from './support/caught.ts'
import { makeKeys, makeOpener, makeSealer, members, type Keys } from './support/envelopes.ts'
import { untyped } from './support/untyped.ts'

const canary = 'canary-7f3a9c'
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const alice = { userId: 'alice', tenantId: 'acme', plan: 'pro' as const }
const use: EnvelopeUse = { runId: 'run-1', attempt: 1 }
const forRun: SealOptions = { audience: 'worker', use }
const forOnce: SealOptions = { audience: 'worker', use: 'once' }

let keys: Keys
let sealer: EnvelopeSealer
let opener: EnvelopeOpener

beforeAll(async () => {
  keys = await makeKeys()
  sealer = makeSealer(keys)
  opener = makeOpener(keys)
})

const sealFor = (options: SealOptions, by: EnvelopeSealer = sealer): Promise<string> =>
  members.run(alice, () => by.seal(options))

const open = (token: string, as: EnvelopeUse = use, by: EnvelopeOpener = opener): Promise<string> =>
  by.open(token, as, () => members.current().userId)

async function refusal(attempt: () => Promise<unknown>): Promise<EnvelopeErrorCode> {
  const error = await caught(attempt)
  if (!EnvelopeError.is(error)) throw error
  expect(error.message).not.toMatch(/alice|acme/)
  expect(JSON.stringify([error, error.stack, String(error.cause)])).not.toMatch(/alice|acme/)
  return error.code
}

interface Parts {
  readonly header: CompactJWEHeaderParameters
  readonly inner: CompactJWSHeaderParameters
  readonly claims: Record<string, unknown>
}

/** What an envelope holds, as the two services themselves could see it. */
async function takeApart(token: string): Promise<Parts> {
  const sealed = await compactDecrypt(token, keys.worker.privateKey)
  const signed = await compactVerify(sealed.plaintext, keys.api.publicKey)
  const claims: unknown = JSON.parse(new TextDecoder().decode(signed.payload))
  return {
    header: untyped(sealed.protectedHeader),
    inner: signed.protectedHeader,
    claims: untyped(claims),
  }
}

/** An envelope that the right keys made, from changed parts. */
async function putTogether({ header, inner, claims }: Parts): Promise<string> {
  const payload = new TextEncoder().encode(JSON.stringify(claims))
  const signed = await new CompactSign(payload).setProtectedHeader(inner).sign(keys.api.privateKey)
  const { epk: _epk, ...rest } = header
  return new CompactEncrypt(new TextEncoder().encode(signed))
    .setProtectedHeader(untyped(rest))
    .encrypt(keys.worker.publicKey)
}

async function changed(change: (parts: Parts) => Partial<Parts>, from = forRun): Promise<string> {
  const parts = await takeApart(await sealFor(from))
  return putTogether({ ...parts, ...change(parts) })
}

const withClaims = (claims: Record<string, unknown>, from = forRun): Promise<string> =>
  changed((parts) => ({ claims: { ...parts.claims, ...claims } }), from)

describe('a sealed context', () => {
  test('opens in a scope of the same owner with the same context, and the run’s id', async () => {
    const token = await members.run(
      { ...alice, roles: ['reader'], threadId: 't', requestId: 'r', vault: { host: 'h' } },
      () => sealer.seal(forRun),
    )
    await opener.open(token, use, (scope) => {
      expect(members.current()).toEqual({
        ...alice,
        roles: ['reader'],
        threadId: 't',
        requestId: 'r',
        runId: 'run-1',
        vault: { host: 'h' },
      })
      expect(scope.owner).toEqual({ tenantId: 'acme', userId: 'alice' })
      expect(scope).toBe(currentScope())
      expect(Object.isFrozen(members.current())).toBe(true)
    })
    expect.assertions(4)
  })

  test('is the current scope’s: outside a scope, or in another definition’s, there is nothing to seal', async () => {
    expect(await caught(() => sealer.seal(forRun))).toMatchObject({ code: 'NO_SCOPE' })
    const others = defineUserContext('other', z.object({}))
    expect(
      await caught(() => others.run({ userId: 'alice' }, () => sealer.seal(forRun))),
    ).toMatchObject({ code: 'CONTEXT_MISMATCH' })
    expect(
      await caught(() => members.run(alice, () => runOutside(() => sealer.seal(forRun)))),
    ).toMatchObject({ code: 'NO_SCOPE' })
  })

  test('cannot be named by an argument', async () => {
    const forged = untyped<SealOptions>({ ...forRun, context: { userId: 'bob' } })
    expect(await caught(() => members.run(alice, () => sealer.seal(forged)))).toBeInstanceOf(
      TypeError,
    )
  })

  test('shows nothing of the user to whoever carries it', async () => {
    const token = await sealFor(forRun)
    const visible = token
      .split('.')
      .map((part) => new TextDecoder().decode(base64url.decode(part)))
      .join('\n')
    expect(visible).not.toMatch(/alice|acme|pro/)
  })

  test('says what the Transaction Tokens draft says, under its names', async () => {
    const { claims, header, inner } = await takeApart(await sealFor(forRun))
    expect(claims).toMatchObject({ iss: 'api', aud: 'worker', hop: 1, use, definition: 'member' })
    expect(claims['tctx']).toMatchObject(alice)
    expect(claims['txn']).toMatch(/^[\da-f-]{36}$/)
    expect(claims['jti']).not.toBe(claims['txn'])
    expect(Number(claims['exp']) - Number(claims['iat'])).toBeCloseTo(300)
    expect(header).toMatchObject({ alg: 'ECDH-ES', enc: 'A256GCM', kid: 'worker-1', cty: 'JWT' })
    expect(inner).toMatchObject({ alg: 'ES256', kid: 'api-1' })
  })

  test('goes through the schema of the process that opens it', async () => {
    const strict = defineUserContext('member', z.object({ plan: z.literal('free') }))
    const error = await caught(async () =>
      makeOpener(keys, { definition: untyped(strict) }).open(await sealFor(forRun), use, () => 1),
    )
    expect(error).toMatchObject({ code: 'INVALID_CONTEXT' })
  })

  test('does not open inside another owner’s scope', async () => {
    const token = await sealFor(forRun)
    expect(await caught(() => members.run({ userId: 'bob' }, () => open(token)))).toMatchObject({
      code: 'CROSS_OWNER',
    })
  })

  test('two users’ envelopes, opened at once, stay two users’', async () => {
    const people = ['alice', 'bob', 'carol', 'dave']
    const tokens = await Promise.all(
      people.map((userId) => members.run({ userId }, () => sealer.seal(forRun))),
    )
    const read = async (): Promise<string> => {
      await Promise.resolve()
      return members.current().userId
    }
    expect(await Promise.all(tokens.map((token) => opener.open(token, use, read)))).toEqual(people)
  })

  test('refuses what JSON cannot carry', async () => {
    const loose = defineUserContext('member', z.looseObject({}))
    const by = makeSealer(keys, { definition: untyped(loose) })
    for (const value of [Number.NaN, Infinity, 1n, { deep: [-Infinity] }]) {
      expect(
        await refusal(() => loose.run({ userId: 'alice', value }, () => by.seal(forRun))),
      ).toBe('UNSEALABLE')
    }
  })
})

describe('secrets', () => {
  const secretive = { ...alice, apiKey: canary, vault: { host: 'h', token: canary } }

  test('stay behind unless they are named', async () => {
    const seal = (secrets?: string[]): Promise<string> =>
      members.run(secretive, () => sealer.seal({ ...forRun, secrets }))
    expect(JSON.stringify(await takeApart(await seal()))).not.toContain(canary)
    await opener.open(await seal(), use, () => {
      expect(members.current().apiKey).toBeUndefined()
      expect(members.current().vault).toEqual({ host: 'h' })
    })
    await opener.open(await seal(['apiKey', 'vault.token']), use, () => {
      expect(members.current().apiKey).toBe(canary)
      expect(members.current().vault?.token).toBe(canary)
      expect(JSON.stringify(members.current())).not.toContain(canary)
    })
    await opener.open(await seal(['vault.token']), use, () => {
      expect(members.current().apiKey).toBeUndefined()
    })
    expect.assertions(7)
  })
})

describe('time', () => {
  const at = (now: number) => ({ clock: () => now })
  const start = Date.now()

  test('an envelope expires after its lifetime, give or take the clock skew', async () => {
    const token = await sealFor({ ...forRun, lifetimeMs: 10_000 }, makeSealer(keys, at(start)))
    const openAt = (now: number): Promise<string> =>
      open(token, use, makeOpener(keys, { ...at(now), clockSkewMs: 1_000 }))
    expect(await openAt(start)).toBe('alice')
    expect(await openAt(start + 10_999)).toBe('alice')
    expect(await refusal(() => openAt(start + 11_001))).toBe('EXPIRED')
    expect(await openAt(start - 999)).toBe('alice')
    expect(await refusal(() => openAt(start - 1_001))).toBe('NOT_YET_VALID')
  })

  test.each([forRun, forOnce])(
    'it never expires later than the scope’s deadline (%o)',
    async (to) => {
      const seal = (): Promise<string> => sealer.seal({ ...to, lifetimeMs: 3_600_000 })
      const { claims } = await takeApart(await members.run(alice, { deadlineMs: 5_000 }, seal))
      expect(Number(claims['exp']) - Number(claims['iat'])).toBeLessThanOrEqual(5)
      expect(claims['deadline']).toBe(claims['exp'])
    },
  )

  test('a run’s envelope lasts as long as its scope may, one for one use a minute', async () => {
    const lifetime = async (to: SealOptions): Promise<number> => {
      const token = await members.run(alice, { deadlineMs: 3_600_000 }, () => sealer.seal(to))
      const { claims } = await takeApart(token)
      return Math.round(Number(claims['exp']) - Number(claims['iat']))
    }
    expect([await lifetime(forRun), await lifetime(forOnce)]).toEqual([3_600, 60])
  })

  test('the opened scope ends by the deadline of the one that sealed it, and no option puts it off', async () => {
    const token = await members.run(alice, { deadlineMs: 5_000 }, () => sealer.seal(forRun))
    const deadlineOf = (deadlineMs: number): Promise<number | undefined> =>
      opener.open(token, use, { deadlineMs }, (scope: Scope) => scope.deadline)
    expect(await deadlineOf(3_600_000)).toBeLessThanOrEqual(Date.now() + 5_000)
    expect(await deadlineOf(1_000)).toBeLessThanOrEqual(Date.now() + 1_000)
    const free = await sealFor(forRun)
    expect(await opener.open(free, use, (scope) => scope.deadline)).toBeUndefined()
  })

  test('a scope whose deadline has passed cannot seal', async () => {
    const late = members.run(alice, { deadlineMs: 1, closeBudgetMs: 1_000 }, async (scope) => {
      while (Date.now() <= (scope.deadline ?? Infinity)) {
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      return refusal(() => sealer.seal(forRun))
    })
    expect(await late).toBe('EXPIRED')
  })
})

describe('an envelope is for one thing', () => {
  test('it opens again for the same run and attempt, and for no other', async () => {
    const token = await sealFor(forRun)
    expect([await open(token), await open(token)]).toEqual(['alice', 'alice'])
    for (const other of [
      { runId: 'run-2', attempt: 1 },
      { runId: 'run-1', attempt: 2 },
      { runId: 'run-1', attempt: 0 },
      'once' as const,
    ]) {
      expect(await refusal(() => open(token, other))).toBe('FOREIGN_RUN')
    }
    expect(await refusal(async () => open(await sealFor(forOnce), use))).toBe('FOREIGN_RUN')
  })

  test('a one-use envelope opens once', async () => {
    const token = await sealFor(forOnce)
    expect(await open(token, 'once')).toBe('alice')
    expect(await refusal(() => open(token, 'once'))).toBe('REPLAYED')
    expect(await open(await sealFor(forOnce), 'once')).toBe('alice')
  })

  test('of many that open it at once, one does', async () => {
    const token = await sealFor(forOnce)
    let ran = 0
    const all = await Promise.allSettled(
      Array.from({ length: 20 }, () => opener.open(token, 'once', () => (ran += 1))),
    )
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(ran).toBe(1)
  })

  test('it is not used up by somebody it is not meant for', async () => {
    const token = await sealFor(forOnce)
    const elsewhere = makeOpener(keys, { audience: 'other' })
    expect(await refusal(() => open(token, 'once', elsewhere))).toBe('WRONG_AUDIENCE')
    expect(await open(token, 'once')).toBe('alice')
  })

  const broken: Record<string, (() => unknown) | undefined> = {
    'is missing': undefined,
    throws: () => {
      throw new Error('down')
    },
    rejects: () => Promise.reject(new Error('down')),
    'does not answer': () => new Promise(() => undefined),
    'answers with undefined': () => undefined,
    'answers with 1': () => 1,
    'answers with "OK"': () => 'OK',
  }
  test.each(Object.keys(broken))('a replay store that %s is a refusal', async (name) => {
    const consume = broken[name]
    const replayStore = consume === undefined ? undefined : untyped<never>({ consume })
    const by = makeOpener(keys, { replayStore, replayTimeoutMs: 20 })
    const token = await sealFor(forOnce)
    let ran = false
    const attempt = (): Promise<unknown> => by.open(token, 'once', () => (ran = true))
    expect(await refusal(attempt)).toBe('STORE_UNAVAILABLE')
    expect(ran).toBe(false)
  })

  test('the store learns no name, and is asked from no scope', async () => {
    const asked: unknown[] = []
    const consume = (id: string, expiresAt: number): boolean => {
      asked.push(id, expiresAt, caughtNow())
      return true
    }
    const caughtNow = (): string => (members.tryCurrent() === undefined ? 'nobody' : 'somebody')
    await open(await sealFor(forOnce), 'once', makeOpener(keys, { replayStore: { consume } }))
    expect(asked).toEqual([expect.stringMatching(/^[\w-]{43}$/), expect.any(Number), 'nobody'])
  })
})

describe('transactions', () => {
  test('one follows the work from process to process, and the hops are counted', async () => {
    const passages: Passage[] = []
    let token = await sealFor(forRun)
    for (let hop = 1; hop <= 3; hop += 1) {
      token = await opener.open(token, use, async (scope, passage) => {
        passages.push(passage)
        await Promise.resolve()
        return members.child({}, () => scope.spawn('seal', () => sealer.seal(forRun)))
      })
    }
    expect(passages.map(({ hops }) => hops)).toEqual([1, 2, 3])
    expect(new Set(passages.map(({ transactionId }) => transactionId)).size).toBe(1)
  })

  test('all that one scope seals is one transaction; another scope’s is another', async () => {
    const transactionOf = async (token: string): Promise<unknown> =>
      (await takeApart(token)).claims['txn']
    const [one, two, three] = await members.run(alice, () =>
      Promise.all([
        sealer.seal(forRun),
        sealer.seal(forOnce),
        members.child({}, () => sealer.seal(forRun)),
      ]),
    )
    const ids = await Promise.all([one, two, three].map(transactionOf))
    expect(new Set(ids).size).toBe(1)
    expect(await transactionOf(await sealFor(forRun))).not.toBe(ids[0])
  })

  test('a transaction that goes round in circles is stopped, by the sealer and by the opener', async () => {
    let token = await sealFor(forRun, makeSealer(keys, { maxHops: 2 }))
    const again = (by: EnvelopeSealer): Promise<string> =>
      opener.open(token, use, () => by.seal(forRun))
    token = await again(makeSealer(keys, { maxHops: 2 }))
    expect(await refusal(() => again(makeSealer(keys, { maxHops: 2 })))).toBe('TOO_MANY_HOPS')
    expect(await refusal(() => open(token, use, makeOpener(keys, { maxHops: 1 })))).toBe(
      'TOO_MANY_HOPS',
    )
    expect(await open(token, use, makeOpener(keys, { maxHops: 2 }))).toBe('alice')
  })
})

describe('who it comes from and goes to', () => {
  test('another audience is refused, with the same keys', async () => {
    const token = await withClaims({ aud: 'other' })
    expect(await refusal(() => open(token))).toBe('WRONG_AUDIENCE')
  })

  test('an audience that the sealer has no key of is refused at once', async () => {
    expect(await caught(() => sealFor({ ...forRun, audience: 'stranger' }))).toBeInstanceOf(
      TypeError,
    )
    expect(await caught(() => sealFor({ ...forRun, audience: '__proto__' }))).toBeInstanceOf(
      TypeError,
    )
  })

  test('an issuer cannot speak for another one', async () => {
    expect(await refusal(async () => open(await withClaims({ iss: 'billing' })))).toBe(
      'WRONG_ISSUER',
    )
    const token = await sealFor(forRun, makeSealer(keys, { issuer: 'billing' }))
    const both = makeOpener(keys, {
      issuers: {
        api: [{ kid: 'api-1', alg: 'ES256', key: keys.api.publicKey }],
        billing: [{ kid: 'billing-1', alg: 'ES256', key: (await makeKeys()).api.publicKey }],
      },
    })
    expect(await refusal(() => open(token, use, both))).toBe('WRONG_ISSUER')
  })

  test('a context of another definition is refused', async () => {
    expect(await refusal(async () => open(await withClaims({ definition: 'admin' })))).toBe(
      'WRONG_DEFINITION',
    )
  })
})

describe('keys', () => {
  test('rotate: old and new are opened side by side, and a key that is gone is unknown', async () => {
    const next = await makeKeys()
    const newSealer = makeSealer(keys, {
      signingKey: { kid: 'api-2', alg: 'ES256', key: next.api.privateKey },
      audiences: { worker: { kid: 'worker-2', alg: 'ECDH-ES', key: next.worker.publicKey } },
    })
    const during = makeOpener(keys, {
      decryptionKeys: [
        { kid: 'worker-2', alg: 'ECDH-ES', key: next.worker.privateKey },
        { kid: 'worker-1', alg: 'ECDH-ES', key: keys.worker.privateKey },
      ],
      issuers: {
        api: [
          { kid: 'api-2', alg: 'ES256', key: next.api.publicKey },
          { kid: 'api-1', alg: 'ES256', key: keys.api.publicKey },
        ],
      },
    })
    const [old, current] = [await sealFor(forRun), await sealFor(forRun, newSealer)]
    expect([await open(old, use, during), await open(current, use, during)]).toEqual([
      'alice',
      'alice',
    ])
    expect(await refusal(() => open(current))).toBe('UNKNOWN_KEY')
    const halfway = makeOpener(keys, {
      decryptionKeys: [{ kid: 'worker-2', alg: 'ECDH-ES', key: next.worker.privateKey }],
    })
    expect(await refusal(() => open(current, use, halfway))).toBe('UNKNOWN_KEY')
  })

  test('may be JSON web keys, EdDSA, ECDH-ES with key wrapping, or a shared key', async () => {
    const shared = { kty: 'oct', k: base64url.encode(crypto.getRandomValues(new Uint8Array(32))) }
    const edwards = await makeKeys('EdDSA')
    const sealing = await generateKeyPair('ECDH-ES+A256KW', { crv: 'X25519', extractable: true })
    const wrapped = { kid: 'wrapped', alg: 'ECDH-ES+A256KW' } as const
    const bySigner = {
      sign: { kid: 'ed', alg: 'EdDSA', key: await exportJWK(edwards.api.privateKey) },
      verify: { kid: 'ed', alg: 'EdDSA', key: await exportJWK(edwards.api.publicKey) },
    } as const
    const recipients = [
      [
        { ...wrapped, key: await exportJWK(sealing.publicKey) },
        { ...wrapped, key: await exportJWK(sealing.privateKey) },
      ],
      [
        { kid: 'shared', alg: 'dir', key: shared },
        { kid: 'shared', alg: 'dir', key: shared },
      ],
    ] as const
    for (const [worker, decryption] of recipients) {
      const by = makeSealer(keys, { signingKey: bySigner.sign, audiences: { worker } })
      const to = makeOpener(keys, {
        decryptionKeys: [decryption],
        issuers: { api: [bySigner.verify] },
      })
      expect(await open(await sealFor(forRun, by), use, to)).toBe('alice')
    }
    expect.assertions(2)
  })

  test('cannot share a name, be symmetric where they sign, or be anything else', () => {
    const key = { kid: 'same', alg: 'ES256', key: keys.api.publicKey } as const
    const bad: Parameters<typeof makeOpener>[1][] = [
      { issuers: { api: [key], billing: [key] } },
      { issuers: { api: [untyped({ ...key, alg: 'HS256' })] } },
      { issuers: { api: [untyped({ ...key, alg: 'none' })] } },
      { issuers: { api: [] } },
      { issuers: { api: [untyped({ ...key, key: 'a secret' })] } },
      { decryptionKeys: [] },
      { clockSkewMs: 60_001 },
      { replayStore: untyped({}) },
    ]
    for (const options of bad) expect(() => makeOpener(keys, options)).toThrow(TypeError)
    const message = String(
      thrown(() => makeOpener(keys, { issuers: { api: [untyped({ ...key, key: canary })] } })),
    )
    expect(message).toContain('issuers.api.0.key')
    expect(message).not.toContain(canary)
  })

  const thrown = (attempt: () => unknown): unknown => {
    try {
      return attempt()
    } catch (error) {
      return error
    }
  }
})

describe('forgeries', () => {
  test('a key with the right name and nothing else is refused, on either layer', async () => {
    const stranger = await makeKeys()
    const signed = makeSealer({ ...keys, api: stranger.api })
    expect(await refusal(async () => open(await sealFor(forRun, signed)))).toBe('BAD_SIGNATURE')
    const sealed = makeSealer({ ...keys, worker: stranger.worker })
    expect(await refusal(async () => open(await sealFor(forRun, sealed)))).toBe('BAD_SIGNATURE')
  })

  test('alg none, and a signature keyed with the public key, are refused', async () => {
    const { header, claims } = await takeApart(await sealFor(forRun))
    const { epk: _epk, ...outer } = header
    const encode = (value: unknown): string =>
      base64url.encode(new TextEncoder().encode(JSON.stringify(value)))
    const wrap = (signed: string): Promise<string> =>
      new CompactEncrypt(new TextEncoder().encode(signed))
        .setProtectedHeader(untyped(outer))
        .encrypt(keys.worker.publicKey)
    const typ = 'ringfence-envelope+jwt'
    for (const alg of ['none', 'None', 'NONE', '']) {
      const token = await wrap(`${encode({ typ, alg, kid: 'api-1' })}.${encode(claims)}.`)
      expect(await refusal(() => open(token))).toBe('MALFORMED')
    }
    const publicKey = new TextEncoder().encode(JSON.stringify(await exportJWK(keys.api.publicKey)))
    const confused = await new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
      .setProtectedHeader({ typ, alg: 'HS256', kid: 'api-1' })
      .sign(publicKey)
    expect(await refusal(async () => open(await wrap(confused)))).toBe('MALFORMED')
    expect(await refusal(async () => open(await wrap('not a token')))).toBe('MALFORMED')
  })

  test('a header that names another algorithm than its key is refused', async () => {
    const by = makeOpener(keys, {
      issuers: { api: [{ kid: 'api-1', alg: 'EdDSA', key: keys.api.publicKey }] },
    })
    expect(await refusal(async () => open(await sealFor(forRun), use, by))).toBe('BAD_SIGNATURE')
  })

  test('a header that brings a key, a link, a compression or a demand along is refused', async () => {
    const jwk = await exportJWK((await makeKeys()).api.publicKey)
    for (const extra of [
      { jwk },
      { jku: 'https://attacker.example/keys' },
      { x5u: 'https://attacker.example/cert' },
      { extra: true },
    ]) {
      const inner = changed((parts) => ({ inner: { ...parts.inner, ...extra } }))
      expect(await refusal(async () => open(await inner))).toBe('MALFORMED')
      const header = changed((parts) => ({ header: { ...parts.header, ...extra } }))
      expect(await refusal(async () => open(await header))).toBe('MALFORMED')
    }
    const compressed = changed((parts) => ({ header: { ...parts.header, zip: 'DEF' } }))
    expect(await refusal(async () => open(await compressed))).toBe('MALFORMED')
  })

  test('a key name is looked up, and never anything more', async () => {
    for (const kid of [
      '../../etc/passwd',
      '__proto__',
      'constructor',
      "' OR 1=1 --",
      'x'.repeat(200),
    ]) {
      const token = await changed((parts) => ({ header: { ...parts.header, kid } }))
      const error = await caught(() => open(token))
      expect(error).toMatchObject({ code: 'UNKNOWN_KEY' })
      expect(String(error)).not.toContain(kid)
    }
  })

  test('another token of the same keys does not pass for an envelope', async () => {
    const header = changed((parts) => ({ header: { ...parts.header, typ: 'at+jwt' } }))
    expect(await refusal(async () => open(await header))).toBe('MALFORMED')
    const inner = changed((parts) => ({ inner: { ...parts.inner, typ: 'JWT' } }))
    expect(await refusal(async () => open(await inner))).toBe('MALFORMED')
  })

  test.each([
    { hop: 0 },
    { hop: 1.5 },
    { exp: 'never' },
    { exp: null },
    { iat: -1 },
    { use: { runId: 'run-1' } },
    { use: 'twice' },
    { tctx: [] },
    { tctx: 'alice' },
    { txn: '' },
    { aud: ['worker'] },
    { extra: true },
    { jti: undefined },
  ])('claims that make no sense are refused: %o', async (claims) => {
    expect(await refusal(async () => open(await withClaims(claims)))).toBe('MALFORMED')
  })

  test('a signed context still has to pass the schema', async () => {
    for (const tctx of [{}, { userId: '' }, { userId: 'alice', plan: 'gold' }]) {
      const token = await withClaims({ tctx })
      expect(await caught(() => open(token))).toMatchObject({ code: 'INVALID_CONTEXT' })
    }
  })

  test('whatever is altered, cut off or put in its place, nothing runs', async () => {
    const token = await sealFor(forRun)
    const refused: ReadonlySet<string> = new Set(['MALFORMED', 'UNKNOWN_KEY', 'BAD_SIGNATURE'])
    const place = fc.nat(token.length - 1)
    const altered = fc.oneof(
      fc
        .tuple(place, fc.constantFrom(...`${alphabet}.`.split('')))
        .map(([at, character]) => token.slice(0, at) + character + token.slice(at + 1)),
      place.map((at) => token.slice(0, at)),
      place.map((at) => token.slice(at + 1)),
      fc.tuple(place, place).map(([from, to]) => token.slice(0, from) + token.slice(to)),
      fc.string({ maxLength: 200 }),
      fc.constantFrom('', '.', '....', `${token}.`, `${token}A`, ` ${token}`, token.repeat(2)),
    )
    let tried = 0
    await fc.assert(
      fc.asyncProperty(altered, async (forged) => {
        fc.pre(forged !== token)
        tried += 1
        expect(refused).toContain(await refusal(() => open(forged)))
      }),
      { numRuns: 400 },
    )
    expect(tried).toBeGreaterThan(300)
  })

  test('an envelope has one spelling: spare bits of a last character do not make a second', async () => {
    const token = await sealFor(forRun)
    // The tag has 16 bytes, so the last of its 22 characters has four bits to spare.
    const spare = alphabet.indexOf(token.at(-1) ?? '')
    expect([token.split('.').at(-1)?.length, spare % 16]).toEqual([22, 0])
    for (let bits = 1; bits < 16; bits += 1) {
      const respelled = token.slice(0, -1) + alphabet.charAt(spare + bits)
      expect(await refusal(() => open(respelled))).toBe('MALFORMED')
    }
  })

  test('what is no text is refused', async () => {
    for (const value of [undefined, null, 1, {}, ['a.b.c.d.e'], Symbol('x')]) {
      expect(await refusal(() => open(untyped(value)))).toBe('MALFORMED')
    }
  })
})

describe('size', () => {
  test('what is too long is not sealed, and not read', async () => {
    const loose = defineUserContext('member', z.looseObject({}))
    const large = { userId: 'alice', text: 'x'.repeat(2_000) }
    const by = makeSealer(keys, { definition: untyped(loose), maxBytes: 1_024 })
    expect(await refusal(() => loose.run(large, () => by.seal(forRun)))).toBe('TOO_LARGE')
    const wide = makeSealer(keys, { definition: untyped(loose) })
    const token = await loose.run(large, () => wide.seal(forRun))
    const narrow = makeOpener(keys, { definition: untyped(loose), maxBytes: 2_048 })
    expect(await refusal(() => narrow.open(token, use, () => 1))).toBe('TOO_LARGE')
    expect(await refusal(() => open('.'.repeat(10_000_000)))).toBe('TOO_LARGE')
  })
})
