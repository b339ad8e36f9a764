import type { Context } from 'hono'
import { Problem } from '../problems/problem.ts'
import { invalidToken, retryAfter, unauthenticated } from '../problems/to-problem.ts'
import type { ClientOf } from '../proxy/trust-proxy.ts'
import { identitySchema, type Identify, type Identity, type IdentifyRequest } from './identity.ts'
import { peerOf } from './peer.ts'
import type { Revocations } from './revocations.ts'

/** What it takes to find out who is asking. */
export interface IdentityDoor {
  readonly identify: Identify
  readonly clientOf: ClientOf
  readonly revocations: Revocations | undefined
  readonly limits: { readonly identifyMs: number }
}

/**
 * Asks the application who is asking. Throws `unauthenticated`, `invalid_token`, `identity_unavailable` where it does
 * not say so in time, and whatever the application throws.
 */
export async function identified(door: IdentityDoor, hono: Context): Promise<Identity> {
  const request = hono.req.raw
  const peer = door.clientOf(peerOf(hono.env).address, request.headers)
  return checkedIdentity(await inTime(door, { request, peer, hono }))
}

/** The door for identities, whoever they come from. */
export function checkedIdentity(found: Identity | null): Identity {
  if (found === null) throw unauthenticated()
  const checked = identitySchema.safeParse(found)
  if (!checked.success) {
    throw new TypeError('identify() returned something that is no identity', {
      cause: checked.error,
    })
  }
  const { expiresAt } = checked.data
  if (expiresAt !== undefined && expiresAt <= Date.now()) throw invalidToken()
  return checked.data
}

/** Throws `invalid_token` for credentials that were issued before their owner was revoked. */
export function refuseRevoked(
  { revocations }: Pick<IdentityDoor, 'revocations'>,
  { userId, tenantId, issuedAt }: Identity,
): void {
  if (revocations === undefined || issuedAt === undefined) return
  const owner = tenantId === undefined ? { userId } : { userId, tenantId }
  if (revocations.isRevoked(owner, issuedAt)) throw invalidToken()
}

async function inTime(
  { identify, limits }: IdentityDoor,
  request: IdentifyRequest,
): Promise<Identity | null> {
  const identity = identify(request)
  // A token that was verified a moment ago is known at once, and needs no timer.
  if (!(identity instanceof Promise)) return identity
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Problem('identity_unavailable', { headers: retryAfter(undefined) }))
    }, limits.identifyMs)
  })
  try {
    return await Promise.race([identity, late])
  } finally {
    clearTimeout(timer)
  }
}
