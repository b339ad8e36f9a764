import { SignJWT, type JWTPayload } from 'jose'
import type { Identify } from '@ringfence/server'
import { jwtAuth } from '@ringfence/server'

export const issuer = 'https://issuer.test'
export const audience = 'agents'
const secret = new Uint8Array(32).fill(7)

/** The real `jwtAuth`, with a secret that the tests sign with. */
export const auth: Identify = jwtAuth({ issuer, audience, key: secret })

/** A token for a user. `claims` replaces what is in it by default. */
export function tokenFor(userId: string, claims: JWTPayload = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1_000)
  return new SignJWT({
    iss: issuer,
    aud: audience,
    sub: userId,
    iat: now,
    exp: now + 600,
    ...claims,
  })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(secret)
}
