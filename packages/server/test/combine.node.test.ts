import { combine, InvalidToken, jwtAuth, type Identify } from '@ringfence/server'
import { generateKeyPair, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { Client, json } from './support/client.ts'
import { serve } from './support/serve.ts'
import { auth } from './support/tokens.ts'

const nobody: Identify = () => null
const refusing: Identify = () => {
  throw new InvalidToken('not mine')
}
const broken: Identify = () => {
  throw new Error('the session store is down')
}

test('each of two issuers vouches for its own users, and for nobody else', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const partners = jwtAuth({
    issuer: 'https://partners.test',
    audience: 'agents',
    key: publicKey,
    identity: ({ sub }) => ({ userId: `partner-${sub}` }),
  })
  const server = await serve({ auth: combine(auth, partners) })
  const sign = (issuer: string): Promise<string> =>
    new SignJWT({ iss: issuer, aud: 'agents', sub: 'alice' })
      .setProtectedHeader({ alg: 'ES256' })
      .setExpirationTime('1 minute')
      .sign(privateKey)
  const whoIs = async (token: string): Promise<unknown> => {
    const response = await fetch(`${server.url}/v1/agents/echo/runs`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'text/event-stream',
      },
      body: JSON.stringify({ input: { text: 'hi' } }),
    })
    return /"userId":"([^"]+)"/.exec(await response.text())?.[1] ?? response.status
  }
  const alice = await Client.of(server, 'alice')
  expect(await whoIs(alice.token)).toBe('alice')
  expect(await whoIs(await sign('https://partners.test'))).toBe('partner-alice')
  // Signed by the partners' key, but in the name of the other issuer.
  expect(await whoIs(await sign('https://issuer.test'))).toBe(401)
})

test('the first way that knows is believed, and the next is not asked', async () => {
  let asked = 0
  const second: Identify = () => {
    asked += 1
    return { userId: 'bob' }
  }
  const server = await serve({ auth: combine(nobody, () => ({ userId: 'alice' }), second) })
  const response = await fetch(`${server.url}/v1/runs`)
  expect(response.status).toBe(200)
  expect(asked).toBe(0)
})

test('a refusal stands where nobody else knows, and a failure is never passed over', async () => {
  const statusOf = async (way: Identify): Promise<[number, string | null]> => {
    const server = await serve({ auth: way })
    const response = await fetch(`${server.url}/v1/runs`)
    await json(response)
    return [response.status, response.headers.get('www-authenticate')]
  }
  expect(await statusOf(combine(nobody, nobody))).toEqual([401, 'Bearer realm="ringfence"'])
  expect(await statusOf(combine(refusing, nobody))).toEqual([
    401,
    'Bearer realm="ringfence", error="invalid_token"',
  ])
  expect((await statusOf(combine(broken, () => ({ userId: 'alice' }))))[0]).toBe(500)
})

test('no ways, and ways that are none, are refused', () => {
  // @ts-expect-error -- at least one
  expect(() => combine()).toThrow(TypeError)
  // @ts-expect-error -- a function
  expect(() => combine('bearer')).toThrow(TypeError)
})
