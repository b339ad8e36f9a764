import { defineUserContext } from '@ringfence/context'
import { jwtAuth } from '@ringfence/server'
import type { JWTPayload } from 'jose'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { isOwner } from '../src/identity/owner-id.ts'
import { serve } from './support/serve.ts'
import { audience, issuer, tokenFor } from './support/tokens.ts'

const refused = [
  '',
  'undefined',
  'null',
  ' NULL ',
  'NaN',
  '[object Object]',
  'anonymous',
  '   ',
  'a\u0000b',
  'a\nb',
  'a\u2028b',
  'half \ud800',
  'x'.repeat(257),
]
const accepted = ['alice', 'x'.repeat(256), 'undefined@x.test', 'null-1', ' a ', '0', 'zo\u00eb']

const key = new Uint8Array(32).fill(7)
const byTenant = jwtAuth({
  issuer,
  audience,
  key,
  identity: ({ sub = '', tid }) => ({
    userId: sub,
    ...(typeof tid === 'string' ? { tenantId: tid } : {}),
  }),
})

async function ask(
  url: string,
  userId: string,
  claims: JWTPayload = {},
): Promise<[number, unknown]> {
  const token = await tokenFor(userId, claims)
  const response = await fetch(`${url}/v1/agents`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const body: unknown = await response.json()
  return [response.status, body]
}

test('a valid token for a subject that is no owner is 401 invalid_token', async () => {
  for (const server of [await serve(), await serve({ auth: byTenant })]) {
    for (const userId of refused) {
      const answer = await ask(server.url, userId)
      expect([userId, ...answer]).toMatchObject([userId, 401, { code: 'invalid_token' }])
    }
    for (const userId of accepted) expect((await ask(server.url, userId))[0]).toBe(200)
    expect(server.lines.map(({ msg }) => msg)).not.toContain('request failed')
  }
})

test('a tenant that is none is 401 too, and an empty one is the same as no tenant', async () => {
  const server = await serve({ auth: byTenant })
  for (const tid of refused.filter((value) => value !== '')) {
    const answer = await ask(server.url, 'alice', { tid })
    expect([tid, ...answer]).toMatchObject([tid, 401, { code: 'invalid_token' }])
  }
  for (const tid of ['', ...accepted])
    expect((await ask(server.url, 'alice', { tid }))[0]).toBe(200)
})

test.each([[['']], [['a\nb']], [['x'.repeat(257)]], [Array.from({ length: 257 }, () => 'r')]])(
  'roles that no scope takes are 401',
  async (roles) => {
    const server = await serve()
    expect(await ask(server.url, 'alice', { roles })).toMatchObject([
      401,
      { code: 'invalid_token' },
    ])
    expect((await ask(server.url, 'alice', { roles: ['admin'] }))[0]).toBe(200)
  },
)

test('who is an owner here is who a scope opens for', () => {
  const users = defineUserContext('owner-rules', z.object({}))
  const opens = (identity: { userId: string; tenantId?: string }): boolean => {
    try {
      return users.runSync(identity, () => true)
    } catch {
      return false
    }
  }
  for (const id of [...refused, ...accepted]) {
    expect([id, isOwner({ userId: id })]).toEqual([id, opens({ userId: id })])
    const identity = { userId: 'alice', tenantId: id }
    expect([id, isOwner(identity)]).toEqual([id, opens(identity)])
  }
})
