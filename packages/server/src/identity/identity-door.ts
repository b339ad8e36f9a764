import type { Context } from 'hono'
import { isPromiseLike, onwards } from '../handler/at-once.ts'
import { Problem } from '../problems/problem.ts'
import { invalidToken, retryAfter } from '../problems/to-problem.ts'
import type { ClientOf } from '../proxy/trust-proxy.ts'
import type { CheckedIdentities } from './checked-identities.ts'
import type { Identify, IdentifyRequest, Identity, Peer } from './identity.ts'
import { peerOf } from './peer.ts'
import type { Revocations } from './revocations.ts'

/** What it takes to find out who is asking. */
export interface IdentityDoor {
  readonly identify: Identify
  readonly checked: CheckedIdentities
  readonly clientOf: ClientOf
  readonly revocations: Revocations | undefined
  readonly limits: { readonly identifyMs: number }
}

/**
 * Asks the application who is asking. Throws `unauthenticated`, `invalid_token`, `identity_unavailable` where it does
 * not say so in time, and whatever the application throws.
 */
export function identified(door: IdentityDoor, hono: Context): Identity | Promise<Identity> {
  const identity = door.identify(new Asking(door, hono))
  // A token that was verified a moment ago is known at once, and needs no timer.
  return onwards(
    isPromiseLike(identity) ? inTime(identity, door.limits.identifyMs) : identity,
    (found) => door.checked.check(found),
  )
}

/** What `identify` is given. The peer is found out when somebody asks for it: most do not, and an address has many spellings. */
class Asking implements IdentifyRequest {
  readonly request: Request
  readonly hono: Context
  readonly #clientOf: ClientOf

  constructor({ clientOf }: IdentityDoor, hono: Context) {
    this.request = hono.req.raw
    this.hono = hono
    this.#clientOf = clientOf
  }

  get peer(): Peer {
    return this.#clientOf(peerOf(this.hono.env).address, this.request.headers)
  }
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
  identity: PromiseLike<Identity | null>,
  identifyMs: number,
): Promise<Identity | null> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Problem('identity_unavailable', { headers: retryAfter(undefined) }))
    }, identifyMs)
  })
  try {
    return await Promise.race([identity, late])
  } finally {
    clearTimeout(timer)
  }
}
