import fc from 'fast-check'
import { expect, test } from 'vitest'
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
])('a field named %s is no secret', (name) => {
  expect(preview({ [name]: 7 })).toEqual({ [name]: 7 })
})

test.each([
  ['a bearer token', `Bearer ${secret}-0123456789`],
  ['credentials in a URL', `https://user:${secret}@example.com/x`],
  ['a JSON Web Token', `x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${secret}`],
  ['an API key', `sk-proj-${secret}0123456789abcdef`],
])('%s inside a text is left out', (_, text) => {
  expect(preview(text)).not.toContain(secret)
  expect(JSON.stringify(preview({ note: [text] }))).not.toContain(secret)
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
