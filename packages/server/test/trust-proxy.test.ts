import fc from 'fast-check'
import { createHandler, type TrustProxy } from '@ringfence/server'
import { describe, expect, test } from 'vitest'
import { clientFinder } from '../src/proxy/trust-proxy.ts'
import { testEngine } from './support/agents.ts'

/** What is made of a request from `peer` with these headers. */
function client(
  trust: TrustProxy,
  peer: string | undefined,
  headers: Record<string, string>,
): string {
  const { address, proto, host } = clientFinder(trust)(peer, new Headers(headers))
  return [address, proto, host].filter((part) => part !== undefined).join(' ')
}

const spoofed = {
  'x-forwarded-for': '6.6.6.6',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'evil.test',
  forwarded: 'for=6.6.6.6;proto=https;host=evil.test',
}

test('without trustProxy no header means anything', () => {
  expect(client(false, '203.0.113.9', spoofed)).toBe('203.0.113.9')
  expect(clientFinder()(undefined, new Headers(spoofed)).address).toBeUndefined()
})

describe('by networks', () => {
  test('a peer outside of them is not believed', () => {
    expect(client(['10.0.0.0/8'], '203.0.113.9', spoofed)).toBe('203.0.113.9')
  })

  test('a peer that is not known is not believed', () => {
    expect(client(['10.0.0.0/8'], undefined, spoofed)).toBe('')
  })

  test('what a client put in front of its own address is not believed', () => {
    const headers = { 'x-forwarded-for': '6.6.6.6, 203.0.113.9, 10.1.1.1' }
    expect(client(['10.0.0.0/8'], '10.2.2.2', headers)).toBe('203.0.113.9')
  })

  test('where all are believed, the farthest is the client', () => {
    const headers = { 'x-forwarded-for': '10.3.3.3, 10.1.1.1' }
    expect(client('private', '127.0.0.1', headers)).toBe('10.3.3.3')
  })

  test.each([
    ['unknown, 203.0.113.9', '203.0.113.9'],
    ['6.6.6.6, _hidden, 10.1.1.1', '10.1.1.1'],
    ['6.6.6.6, not an address', '10.2.2.2'],
    ['', '10.2.2.2'],
    ['6.6.6.6,,', '10.2.2.2'],
    ['203.0.113.9:4711', '203.0.113.9'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['2001:DB8::0:1', '2001:db8::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    [Array.from({ length: 33 }, () => '10.1.1.1').join(','), '10.2.2.2'],
  ])('X-Forwarded-For: %s', (value, expected) => {
    expect(client(['10.0.0.0/8'], '10.2.2.2', { 'x-forwarded-for': value })).toBe(expected)
  })

  test('an IPv4 peer in IPv6 clothes is the same peer', () => {
    const headers = { 'x-forwarded-for': '203.0.113.9' }
    expect(client('loopback', '::ffff:127.0.0.1', headers)).toBe('203.0.113.9')
  })

  test('proto and host come from where the client was named', () => {
    const headers = {
      'x-forwarded-for': '203.0.113.9, 10.1.1.1',
      'x-forwarded-proto': 'https, http',
      'x-forwarded-host': 'agents.example, inner.test',
    }
    expect(client('private', '10.2.2.2', headers)).toBe('203.0.113.9 https agents.example')
    expect(client('private', '203.0.113.77', headers)).toBe('203.0.113.77')
  })

  test.each(['javascript', 'https evil', 'ws'])('a proto of "%s" is none', (proto) => {
    const headers = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': proto }
    expect(client('private', '10.2.2.2', headers)).toBe('203.0.113.9')
  })

  test.each(['evil.test/path', 'a b', 'evil.test:99999999', '<script>'])(
    'a host of "%s"',
    (host) => {
      const headers = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-host': host }
      expect(client('private', '10.2.2.2', headers)).toBe('203.0.113.9')
    },
  )
})

describe('by number', () => {
  test.each([
    [1, '6.6.6.6, 203.0.113.9', '203.0.113.9'],
    [2, '6.6.6.6, 203.0.113.9, 10.1.1.1', '203.0.113.9'],
    [3, '203.0.113.9', '203.0.113.9'],
    [1, '', '10.2.2.2'],
  ])('%i proxies and %s', (proxies, value, expected) => {
    expect(client(proxies, '10.2.2.2', { 'x-forwarded-for': value })).toBe(expected)
  })

  test('also where the runtime does not tell the peer', () => {
    expect(client(1, undefined, { 'x-forwarded-for': '6.6.6.6, 203.0.113.9' })).toBe('203.0.113.9')
  })
})

describe('one family of headers', () => {
  const trust = { proxies: 'private', header: 'forwarded' } as const

  test.each([
    ['for=203.0.113.9;proto=https;host=agents.example', '203.0.113.9 https agents.example'],
    ['For="[2001:db8::1]:4711"; Proto=HTTPS', '2001:db8::1 https'],
    ['for=6.6.6.6, for=203.0.113.9, for=10.1.1.1', '203.0.113.9'],
    ['for=203.0.113.9;by="a,b;c=\\"d"', '203.0.113.9'],
    ['for=unknown', '10.2.2.2'],
    ['for=203.0.113.9;for=6.6.6.6', '10.2.2.2'],
    ['for=203.0.113.9, "', '10.2.2.2'],
    ['203.0.113.9', '10.2.2.2'],
  ])('Forwarded: %s', (forwarded, expected) => {
    expect(client(trust, '10.2.2.2', { forwarded })).toBe(expected)
  })

  test('the other one is as if it were not there', () => {
    expect(client(trust, '10.2.2.2', { 'x-forwarded-for': '6.6.6.6' })).toBe('10.2.2.2')
    expect(client('private', '10.2.2.2', { forwarded: 'for=6.6.6.6' })).toBe('10.2.2.2')
  })
})

test('whatever a client writes, it cannot be taken for somebody whom its proxy does not name', () => {
  const octet = fc.integer({ min: 0, max: 255 })
  const claimed = fc.oneof(
    fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.')),
    fc.ipV6(),
    fc.string({ unit: fc.constantFrom(...',;="[]:. _10fF'.split('')) }),
  )
  fc.assert(
    fc.property(fc.array(claimed, { maxLength: 6 }), (claims) => {
      const headers = { 'x-forwarded-for': [...claims, '203.0.113.9'].join(', ') }
      const { address } = clientFinder(['10.0.0.0/8'])('10.2.2.2', new Headers(headers))
      const hops = headers['x-forwarded-for'].split(',').length
      expect(address).toBe(hops > 32 ? '10.2.2.2' : '203.0.113.9')
    }),
  )
})

test.each([
  true,
  0,
  -1,
  1.5,
  [],
  ['10.0.0.0/33'],
  ['example.com'],
  [7],
  'everybody',
  'toString',
  '',
  { proxies: true },
  { proxies: 'private', header: 'x-real-ip' },
  {},
])('trustProxy: %j is refused', (trustProxy) => {
  const engine = testEngine()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const options = { engine, auth: () => null, trustProxy: trustProxy as TrustProxy }
  expect(() => createHandler(options)).toThrow(TypeError)
})

test('identify is told of the client that a believed proxy names', async () => {
  const seen: unknown[] = []
  const handler = createHandler({
    engine: testEngine(),
    trustProxy: { proxies: 1 },
    auth: ({ peer }) => {
      seen.push(peer)
      return { userId: 'alice' }
    },
  })
  const headers = { 'x-forwarded-for': '6.6.6.6, 203.0.113.9', 'x-forwarded-proto': 'https' }
  await handler(new Request('http://agents.test/v1/runs', { headers }))
  expect(seen).toEqual([{ address: '203.0.113.9', proto: 'https', host: undefined }])
})
