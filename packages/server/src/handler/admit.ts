import type { Context } from 'hono'
import { demoPrincipal } from '../demo/demo-principal.ts'
import { identified } from '../identity/identity-door.ts'
import type { Identity } from '../identity/identity.ts'
import { refuseUserFields } from '../identity/user-fields.ts'
import type { Actor, Resource } from '../identity/authorize.ts'
import { Problem } from '../problems/problem.ts'
import { unauthenticated } from '../problems/to-problem.ts'
import { onwards } from './at-once.ts'
import type { Core } from './core.ts'
import type { Exchange } from './exchange.ts'
import type { OwnedRoute } from './route.ts'

export interface Admitted {
  readonly identity: Identity
  readonly actor: Actor
}

/** Who is asking, and whether they may. Throws a `Problem`, or whatever the application's code throws. */
export function admit(
  core: Core,
  route: OwnedRoute,
  hono: Context,
  exchange: Exchange,
): Admitted | Promise<Admitted> {
  return onwards(identityOf(core, route, hono), (identity) => {
    const { userId, tenantId, roles = [] } = identity
    const actor: Actor = { userId, tenantId, roles }
    exchange.actor = actor
    if (hasQuery(hono)) refuseUserFields(Object.keys(hono.req.query()), 'query')
    const admitted = { identity, actor }
    if (route.asks === 'itself' || core.authorize === undefined) return admitted
    return onwards(authorized(core, actor, route.action, resourceOf(route, hono)), () => admitted)
  })
}

function hasQuery({ req }: Context): boolean {
  return req.url.includes('?')
}

/** What the path names. */
function resourceOf({ about = 'runId' }: OwnedRoute, hono: Context): Resource {
  return { agent: hono.req.param('name'), [about]: hono.req.param('id') }
}

/** Asks the application. */
export function authorized(
  core: Core,
  ...question: Parameters<NonNullable<Core['authorize']>>
): void | Promise<void> {
  if (core.authorize === undefined) return undefined
  return onwards(core.authorize(...question), (allowed) => {
    if (!allowed) throw new Problem('forbidden')
  })
}

function identityOf(core: Core, route: OwnedRoute, hono: Context): Identity | Promise<Identity> {
  const request = hono.req.raw
  const tickets = (hasQuery(hono) ? hono.req.queries('ticket') : undefined) ?? []
  const given =
    tickets.length === 0 ? 0 : tickets.length + Number(request.headers.has('authorization'))
  if (given > 1) {
    throw new Problem('ambiguous_credentials', {
      detail: 'Send one ticket, or an Authorization header: two could stand for two users.',
    })
  }
  const ticket = route.ticket === undefined ? undefined : tickets[0]
  // A browser cannot set this header for a socket, but it would send the cookies of a victim.
  const headerNeeded = route.ticket === 'socket' && ticket === undefined
  if (headerNeeded && !request.headers.has('authorization')) {
    const principal = demoPrincipal(core, hono)
    if (principal === undefined) {
      throw unauthenticated(
        'A socket takes a ticket of POST /v1/tickets, or an Authorization header. A cookie opens none.',
      )
    }
    return principal
  }
  if (ticket === undefined) return identified(core, hono)
  return redeem(core, route, ticket, request).then((identity) => core.checked.check(identity))
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
