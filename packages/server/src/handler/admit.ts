import type { Context } from 'hono'
import {
  identitySchema,
  type Identity,
  type IdentifyRequest,
  type Peer,
} from '../identity/identity.ts'
import { peerOf } from '../identity/peer.ts'
import { refuseUserFields } from '../identity/user-fields.ts'
import type { Actor } from '../identity/authorize.ts'
import { Problem } from '../problems/problem.ts'
import { invalidToken, retryAfter, unauthenticated } from '../problems/to-problem.ts'
import type { Core } from './core.ts'
import type { OwnedRoute } from './route.ts'

export interface Admitted {
  readonly identity: Identity
  readonly actor: Actor
}

/** Who is asking, and whether they may. Throws a `Problem`, or whatever the application's code throws. */
export async function admit(core: Core, route: OwnedRoute, hono: Context): Promise<Admitted> {
  const identity = await identityOf(core, route, hono)
  refuseUserFields(Object.keys(hono.req.query()), 'query')
  const { userId, tenantId, roles = [] } = identity
  const actor: Actor = { userId, tenantId, roles }
  await authorized(core, actor, route.action, {
    agent: hono.req.param('name'),
    runId: hono.req.param('id'),
  })
  return { identity, actor }
}

/** Throws `invalid_token` for credentials that were issued before their owner was revoked. */
export function refuseRevoked(
  { revocations }: Core,
  { userId, tenantId, issuedAt }: Identity,
): void {
  if (revocations === undefined || issuedAt === undefined) return
  const owner = tenantId === undefined ? { userId } : { userId, tenantId }
  if (revocations.isRevoked(owner, issuedAt)) throw invalidToken()
}

/** Asks the application. */
export async function authorized(
  core: Core,
  ...question: Parameters<NonNullable<Core['authorize']>>
): Promise<void> {
  if (core.authorize === undefined) return
  if (!(await core.authorize(...question))) throw new Problem('forbidden')
}

async function identityOf(core: Core, route: OwnedRoute, hono: Context): Promise<Identity> {
  const request = hono.req.raw
  const tickets = hono.req.queries('ticket') ?? []
  if (tickets.length + (request.headers.has('authorization') ? 1 : 0) > 1) {
    throw new Problem('ambiguous_credentials', {
      detail: 'Send one ticket, or an Authorization header: two could stand for two users.',
    })
  }
  const ticket = route.ticket === undefined ? undefined : tickets[0]
  // A browser cannot set this header for a socket, but it would send the cookies of a victim.
  const headerNeeded = route.ticket === 'socket' && ticket === undefined
  if (headerNeeded && !request.headers.has('authorization')) throw unauthenticated()
  const found =
    ticket === undefined
      ? await identified(core, { request, peer: clientOf(core, hono), hono })
      : await redeem(core, route, ticket, request)
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

/** Asks the application who is asking. Throws `identity_unavailable` where it does not say so in time. */
async function identified(core: Core, request: IdentifyRequest): Promise<Identity | null> {
  const identity = core.identify(request)
  // A token that was verified a moment ago is known at once, and needs no timer.
  if (!(identity instanceof Promise)) return identity
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Problem('identity_unavailable', { headers: retryAfter(undefined) }))
    }, core.limits.identifyMs)
  })
  try {
    return await Promise.race([identity, late])
  } finally {
    clearTimeout(timer)
  }
}

function clientOf(core: Core, { env, req }: Context): Peer {
  return core.clientOf(peerOf(env).address, req.raw.headers)
}

async function redeem(
  core: Core,
  { ticket: purpose }: OwnedRoute,
  ticket: string,
  { headers }: Request,
): Promise<Identity> {
  const identity =
    purpose === undefined
      ? undefined
      : await core.tickets.redeem(ticket, purpose, {
          origin: headers.get('origin') ?? undefined,
          host: headers.get('host') ?? undefined,
          site: headers.get('sec-fetch-site') ?? undefined,
        })
  if (identity === undefined) throw new Problem('invalid_ticket')
  return identity
}
