import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maskMessage } from '../src/events/mask-text.ts'
import { preview } from '../src/events/preview.ts'

const secret = 'canary-5e1f'

function thrower(): never {
  throw new Error('a getter must not be called')
}

test('what is small and plain is shown as it is', () => {
  const value = { text: 'hi', count: 3, on: true, nothing: null, list: [1, 'two', { three: 3 }] }
  expect(preview(value)).toEqual(value)
  expect(preview('hi')).toBe('hi')
  expect(preview(null)).toBe(null)
  expect(preview(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: 1 })
})

test.each([
  'password',
  'Password',
  'dbPassword',
  'passwordHash',
  'passphrase',
  'passwd',
  'pwd',
  'secret',
  'clientSecret',
  'secretKey',
  'apiKey',
  'api_key',
  'API-KEY',
  'xApiKey',
  'privateKey',
  'accessKey',
  'accessKeyId',
  'token',
  'accessToken',
  'refresh_token',
  'tokenValue',
  'idTokens',
  'authorization',
  'Authorization',
  'credentials',
  'cookie',
  'set-cookie',
  'bearer',
  'jwt',
  'sessionId',
  'otp',
  'otpCode',
  'OTPCode',
  'userOTP',
  'totp',
  'cvv',
  'card_cvv2',
  'CVC',
  'pin',
  'PIN',
  'cardPin',
  'pin_code',
  'pinNumber',
  'passcode',
  'oneTimeCode',
  'verification_code',
  'recoveryCodes',
  'mfaCode',
  'ssn',
  'sig',
  'X-Amz-Signature',
])('a field named %s is left out, in what goes in and in what comes out, at any depth', (name) => {
  const shown = JSON.stringify(
    preview({
      [name]: secret,
      list: [{ [name]: { value: secret } }],
      deep: { a: { [name]: secret } },
    }),
  )
  expect(shown).not.toContain(secret)
  expect(shown).toContain(`"${name}":"(left out)"`)
})

test.each([
  'inputTokens',
  'outputTokens',
  'totalTokens',
  'maxTokens',
  'tokens',
  'compass',
  'passenger',
  'sessions',
  'author',
  'shipping',
  'spin',
  'pinned',
  'pinColor',
  'opinion',
  'design',
  'signal',
  'potpie',
  'laptop',
  'assign',
  'code',
  'countryCode',
  'mission',
])('a field named %s is no secret', (name) => {
  expect(preview({ [name]: 7 })).toEqual({ [name]: 7 })
})

const pem = (kind: string): string =>
  `-----BEGIN ${kind}-----\nMIIB${secret}\nq83v${secret}==\n-----END ${kind}-----`

// origins: BRG-6
test.each([
  ['a bearer token', `Bearer ${secret}-0123456789`, '(left out)'],
  [
    'credentials of a URL',
    `https://user:${secret}@example.com/x`,
    'https://(left out)@example.com/x',
  ],
  ['a password with an @ in it', `postgres://user:p@${secret}@db/x`, 'postgres://(left out)@db/x'],
  ['a password without a user', `redis://:${secret}@cache:6379`, 'redis://(left out)@cache:6379'],
  ['a JSON Web Token', `x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${secret}`, 'x (left out)'],
  ['a token in a host name', `at a.b-eyJhbGci.eyJzdWIi.${secret}`, 'at a.(left out)'],
  ['an API key', `sk-proj-${secret}0123456789abcdef`, '(left out)'],
  ['basic credentials', `Basic dXNlcjpjYW5hcnk=${secret}`, '(left out)'],
  ['a whole header', `Cookie: a=1; b=${secret}\nAccept: x`, 'Cookie: (left out)\nAccept: x'],
  ['a private key', `a ${pem('PRIVATE KEY')} b`, 'a (left out) b'],
  ['one of a kind', `a ${pem('RSA PRIVATE KEY')} b`, 'a (left out) b'],
  ['an encrypted one', pem('ENCRYPTED PRIVATE KEY'), '(left out)'],
  ['one of PGP', pem('PGP PRIVATE KEY BLOCK'), '(left out)'],
  ['one inside of JSON', JSON.stringify(pem('EC PRIVATE KEY')), '"(left out)"'],
  ['one that was cut', pem('OPENSSH PRIVATE KEY').slice(0, 70), '(left out)'],
  [
    'a parameter of a URL',
    `https://a.example/x?token=${secret}&page=2`,
    'https://a.example/x?token=(left out)&page=2',
  ],
  ['a later one', `/x?page=2&api_key=${secret}#top`, '/x?page=2&api_key=(left out)#top'],
  [
    'one after the #',
    `https://a.example/#access_token=${secret}`,
    'https://a.example/#access_token=(left out)',
  ],
  [
    'one of a URL after a name',
    `url=https://a.example/?sig=${secret} x`,
    'url=https://a.example/?sig=(left out) x',
  ],
  ['a line of settings', `DB_PASSWORD=${secret}\nDEBUG=1`, 'DB_PASSWORD=(left out)\nDEBUG=1'],
  ['a line of YAML', `otp: ${secret}\nplan: pro`, 'otp: (left out)\nplan: pro'],
  [
    'a field of JSON',
    `{"pin": "${secret} 1", "plan": "pro"}`,
    '{"pin": (left out), "plan": "pro"}',
  ],
  ['a field with a quote in it', `{"pin":"a\\"${secret}","plan":1}`, '{"pin":(left out),"plan":1}'],
  ['a field that was cut', `{"pin":"a ${secret}`, '{"pin":(left out)'],
  [
    'a field of JSON in JSON',
    `{\\"cvv\\":\\"${secret}\\",\\"a\\":1}`,
    '{\\"cvv\\":(left out),\\"a\\":1}',
  ],
])('%s inside a text is left out', (_, text, shown) => {
  expect(preview(text)).toBe(shown)
  expect(JSON.stringify(preview({ note: [text], [text]: 1 }))).not.toContain(secret)
})

test('a private key that is longer than what is looked at is left out all the same', () => {
  const lines = `${secret}\n`.repeat(1_000)
  const text = `-----BEGIN PRIVATE KEY-----\n${lines}-----END PRIVATE KEY-----`
  for (const before of [0, 150, 190, 199, 500, 1_500, 2_550, 2_600, 2_620]) {
    expect(preview(`${'.'.repeat(before)}${text}`)).not.toContain('canary')
    expect(preview(`${'.'.repeat(before)}${text}`)).not.toContain('5e1f')
  }
})

test.each([
  '-----BEGIN CERTIFICATE-----\nMIIB0123\n-----END CERTIFICATE-----',
  '-----BEGIN PUBLIC KEY-----\nMIIB0123\n-----END PUBLIC KEY-----',
  'a PRIVATE KEY belongs in a safe',
  'https://example.com/x?page=2&q=pins',
  'https://example.com:8080/@user/x',
  'https://user@example.com/x',
  'write to user@example.com: today',
  'spin=1 shipping: 5, opinion="good"',
  'max_tokens=500, author: Bob',
  'the pin is blue',
  'std::token::next and key => value',
  'if (token == null)',
  'a basic understanding of ghosts-and-goblins',
  'skateboarding-events and pkgconfig_settings',
  'it is 10:30, a=b',
])('%s is no secret', (text) => {
  expect(preview(text)).toBe(text)
})

test('a certificate stays beside a key that is left out', () => {
  const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----'
  const text = `${certificate}\n${pem('PRIVATE KEY')}\n${certificate}`
  expect(preview(text, { longestText: 500 })).toBe(`${certificate}\n(left out)\n${certificate}`)
})

/** Beginnings of what is looked for, which never become one: each makes a pattern try again. */
const hostile =
  String.raw`a|-|.| |:|=|"|\|\"|pin|pin=|pin="|pin='\|pin:|pin: |a-|a.|a =|pin\|pin "|token.|://|://:|://a:|://a:a@ |:@
eyJ|eyJ-|eyJa.|-eyJ.|eyJa.a|bearer |Basic a |cookie:|cookie: |sk-|AKIA|-----BEGIN |-----BEGIN PRIVATE KEY-----|-----BEGIN PRIVATE KEY----
-----BEGIN PRIVATE KEY-----a-----END |Users/|/home/|C:\|(left out)`.split(/[|\n]/)

test('texts that are made to be slow take a time in proportion to their length', () => {
  const slow: string[] = []
  for (const part of hostile) {
    const text = part.repeat(Math.ceil(1_000_000 / part.length))
    const began = performance.now()
    maskMessage(text)
    // With the square of its length it would be minutes.
    if (performance.now() - began > 5_000) slow.push(part)
  }
  expect(hostile.length).toBeGreaterThan(40)
  expect(slow).toEqual([])
})

test('text is cut, and says how long it was', () => {
  expect(preview('x'.repeat(201))).toBe(`${'x'.repeat(200)}… (201 characters)`)
  expect(preview('x'.repeat(200))).toHaveLength(200)
  expect(JSON.stringify(preview({ ['x'.repeat(100_000)]: 1 })).length).toBeLessThan(1_000)
})

test('a text is not cut through the middle of a character', () => {
  const cut = String(preview(`${'x'.repeat(199)}😀😀`))
  expect(cut).not.toMatch(/\p{Cs}/u)
})

// origins: BRG-6
test('long lists and wide objects are shortened, and say how long they were', () => {
  const list = preview(Array.from({ length: 1_000 }, (_, index) => index))
  expect(list).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, '… (1000 items)'])
  const wide = preview(
    Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`f${index}`, 1])),
  )
  expect(Object.keys(wide ?? {})).toHaveLength(31)
  expect(wide).toMatchObject({ '…': '(100 fields)' })
  expect(preview(Object.assign([], { length: 1e9 }))).toHaveLength(11)
})

test('what is deep ends in a word', () => {
  expect(preview({ a: { b: { c: { d: { e: 1 } } } } })).toEqual({
    a: { b: { c: { d: '(object)' } } },
  })
  expect(preview([[[[[1]]]]])).toEqual([[[['(array)']]]])
})

test('a cycle ends', () => {
  const cycle: { self?: unknown; list?: unknown[] } = {}
  cycle.self = cycle
  cycle.list = [cycle]
  expect(() => JSON.stringify(preview(cycle))).not.toThrow()
})

test('what holds the same thing over and over stays small', () => {
  let value: unknown = 'x'.repeat(200)
  for (let depth = 0; depth < 4; depth += 1) {
    const inner = value
    value = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`field-${index}`, inner]))
  }
  const began = performance.now()
  expect(JSON.stringify(preview(value)).length).toBeLessThan(100_000)
  expect(performance.now() - began).toBeLessThan(1_000)
})

// origins: BRG-6
test('getters are not called, on objects, lists and classes', () => {
  const object = Object.defineProperty({ a: 1 }, 'b', { get: thrower, enumerable: true })
  expect(preview(object)).toEqual({ a: 1, b: null })
  const list = Object.defineProperty([1, 2], 1, { get: thrower })
  expect(preview(list)).toEqual([1, null])
  expect(preview(Object.create({}, { constructor: { get: thrower } }))).toBe('(object)')
})

test('what JSON cannot carry is named', () => {
  class Connection {
    readonly password = secret
  }
  expect(preview(new Connection())).toBe('(Connection)')
  expect(preview(new Map([[1, secret]]))).toBe('(Map)')
  expect(preview(new Uint8Array(8))).toBe('(Uint8Array)')
  expect(preview(new Error(secret))).toBe('(Error)')
  expect(preview(10n)).toBe('(bigint)')
  expect(preview(Symbol(secret))).toBe('(symbol)')
  expect(preview(() => secret)).toBe('(function)')
  expect(preview(undefined)).toBe(null)
  expect(preview([Number.NaN, Infinity])).toEqual(['NaN', 'Infinity'])
  expect(preview(new Date(0))).toBe('1970-01-01T00:00:00.000Z')
  expect(preview(new Date(Number.NaN))).toBe(null)
  const hidden = { [Symbol('key')]: secret }
  expect(preview(Object.defineProperty(hidden, 'b', { value: secret }))).toEqual({})
})

test.each([
  [
    'a revoked proxy',
    ((): object => {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      return proxy
    })(),
  ],
  ['a proxy whose traps throw', new Proxy({}, { getPrototypeOf: thrower, ownKeys: thrower })],
  ['a proxy of a list', new Proxy([1], { get: thrower, getOwnPropertyDescriptor: thrower })],
  ['what looks like a date', Object.create(Date.prototype)],
  ['a date with another toISOString', Object.assign(new Date(0), { toISOString: thrower })],
  ['a list with another slice', Object.assign([1], { slice: thrower, map: thrower })],
  [
    'a class without a name',
    new (class {
      readonly a = 1
    })(),
  ],
  ['a field named __proto__', JSON.parse('{"__proto__":{"polluted":true}}')],
])('%s is shown somehow, without an error', (_, value) => {
  expect(() => JSON.stringify(preview(value))).not.toThrow()
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
})

test('minus zero is zero, as in JSON', () => {
  expect(preview([-0])).toEqual([0])
})

test(
  'whatever it is given, it throws nothing, gives what JSON carries unchanged, and stays small',
  { timeout: 30_000 },
  () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withNullPrototype: true,
          withObjectString: true,
          withSet: true,
          withSparseArray: true,
          withTypedArray: true,
          withUnicodeString: true,
          maxDepth: 6,
        }),
        (value) => {
          const shown = preview(value)
          const text = JSON.stringify(shown)
          expect(JSON.parse(text)).toEqual(shown)
          expect(text.length).toBeLessThan(100_000)
        },
      ),
      { numRuns: 500 },
    )
  },
)
