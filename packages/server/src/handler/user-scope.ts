import { defineUserContext, type UserContextDefinition } from '@ringfence/context'
import type { MiddlewareHandler } from 'hono'
import * as z from 'zod'
import { CheckedIdentities } from '../identity/checked-identities.ts'
import { identified, refuseRevoked, type IdentityDoor } from '../identity/identity-door.ts'
import { InvalidToken } from '../identity/invalid-token.ts'
import type { Identify } from '../identity/identity.ts'
import type { Revocations } from '../identity/revocations.ts'
import { Problem } from '../problems/problem.ts'
import { problemResponse } from '../problems/problem-response.ts'
import { toProblem } from '../problems/to-problem.ts'
import { clientFinder, type TrustProxy } from '../proxy/trust-proxy.ts'
import { openExchange } from './exchange.ts'
import { isWhole } from './is-whole.ts'
import { resolveLimits } from './limits.ts'
import { unlessLeft } from './unless-left.ts'

export interface UserScopeOptions {
  /** Who is asking, as for `agentRoutes`. */
  readonly identify: Identify
  /** The definition that the scope is opened through: read it with its `current()`. Default: one without further fields. */
  readonly context?: UserContextDefinition<z.ZodObject>
  /** Who has lost their access. Default: nobody. */
  readonly revocations?: Revocations
  /** Which proxies are believed. Default: none. */
  readonly trustProxy?: TrustProxy
  /** How long `identify` may take, in milliseconds; then it is 503. Default: 10,000. */
  readonly identifyMs?: number
  /** How long a body may go unread, in milliseconds, before it is cancelled and the scope closes. Default: 30,000. */
  readonly idleMs?: number
  /** Told of what fails after the answer was handed out: a cleanup, a task that nobody awaited. Default: nobody. */
  readonly onLateError?: (error: unknown) => void
}

/**
 * Runs a host's own handlers in a scope of whoever is asking: `host.use('/mine/*', userScope({ identify }))`. The
 * scope stays open until the body of the answer has ended, and is aborted when the client leaves. A request of nobody is 401
 * and gets to no handler; what `identify` throws goes to the host's `onError`. Nothing else of the answer is touched.
 *
 * Callbacks of a WebSocket come after the answer, and so after the scope: `GET /v1/ws` of `agentRoutes` has a scope of its own.
 * Throws TypeError for options without `identify`.
 *
 * @example
 * host.use('/mine/*', userScope({ identify, context: users }))
 * host.get('/mine/plan', (c) => c.text(users.current().plan))
 */
export function userScope(options: UserScopeOptions): MiddlewareHandler {
  const { identify, revocations, trustProxy, identifyMs, idleMs, onLateError } = options
  if (typeof identify !== 'function') throw new TypeError('Expected `identify` to be a function')
  const context = options.context ?? defineUserContext('ringfence-request', z.object({}))
  const limits = resolveLimits(identifyMs === undefined ? {} : { identifyMs })
  const door: IdentityDoor = {
    identify,
    checked: new CheckedIdentities(),
    revocations,
    clientOf: clientFinder(trustProxy),
    limits,
  }

  return async (hono, next) => {
    const exchange = openExchange(hono, hono.req.routePath)
    try {
      const identity = await identified(door, hono)
      refuseRevoked(door, identity)
      const { userId, tenantId, roles, context: fields } = identity
      const input = { ...fields, userId, tenantId, roles, requestId: exchange.requestId }
      const scoped = {
        label: `${exchange.method} ${exchange.route}`,
        signal: exchange.signal,
        ...(idleMs === undefined ? {} : { idleMs }),
        ...(onLateError === undefined ? {} : { onLateError }),
      }
      let whole = false
      const response = await context.respond(input, scoped, async () => {
        await next()
        whole = isWhole(hono.res)
        // Held open is what somebody has yet to produce.
        return whole ? new Response(null) : hono.res
      })
      if (!whole) hono.res = unlessLeft(response, exchange.signal)
      return undefined
    } catch (error) {
      // Whoever asked has left: nobody is there for the host to answer, and nothing is wrong with it.
      if (exchange.signal.aborted) {
        return problemResponse(new Problem('client_closed_request'), exchange)
      }
      if (!(error instanceof Problem) && !InvalidToken.is(error)) throw error
      return problemResponse(toProblem(error), exchange)
    }
  }
}
