import { defineUserContext, type UserContextDefinition } from '@ringfence/context'
import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose'
import * as z from 'zod'
import { bearerToken } from '../identity/bearer-token.ts'
import type { Identify, Identity } from '../identity/identity.ts'
import { InvalidToken } from '../identity/invalid-token.ts'
import { verify } from '../identity/jwt-auth.ts'

const typ = 'ringfence-demo+jwt'
const party = 'urn:ringfence:demo'
const lifetimeMs = 15 * 60_000

/** Signs tokens for demo users, and recognises them, with a key that never leaves this object. */
export class DemoTokens {
  #key: Uint8Array | undefined
  readonly #users: UserContextDefinition<z.ZodObject> = defineUserContext('demo-user', z.object({}))

  /** Throws `INVALID_CONTEXT` for an id that no scope would open for. */
  async issue(userId: string): Promise<{ readonly token: string; readonly expiresAt: Date }> {
    this.#users.runSync({ userId }, () => undefined)
    const expiresAt = new Date(Math.floor((Date.now() + lifetimeMs) / 1_000) * 1_000)
    const token = await new SignJWT()
      .setProtectedHeader({ alg: 'HS256', typ })
      .setIssuer(party)
      .setAudience(party)
      .setSubject(userId)
      .setIssuedAt()
      .setExpirationTime(expiresAt)
      .sign(this.#secret())
    return { token, expiresAt }
  }

  /** Verifies demo tokens here, and leaves all others to what is configured. */
  beside(configured: Identify | undefined): Identify {
    return async (asked) => {
      const token = bearerToken(asked.request)
      if (token !== undefined && isDemoToken(token)) return this.#identify(token)
      if (configured !== undefined) return configured(asked)
      if (token !== undefined) throw new InvalidToken('Only demo tokens are accepted')
      return null
    }
  }

  async #identify(token: string): Promise<Identity> {
    const {
      sub = '',
      exp = 0,
      iat = 0,
    } = await verify(() =>
      jwtVerify(token, this.#secret(), {
        typ,
        issuer: party,
        audience: party,
        algorithms: ['HS256'],
        requiredClaims: ['sub', 'exp'],
      }),
    )
    return { userId: sub, expiresAt: exp * 1_000, issuedAt: iat * 1_000 }
  }

  #secret(): Uint8Array {
    return (this.#key ??= globalThis.crypto.getRandomValues(new Uint8Array(32)))
  }
}

function isDemoToken(token: string): boolean {
  try {
    return decodeProtectedHeader(token).typ === typ
  } catch {
    return false
  }
}
