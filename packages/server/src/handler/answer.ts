import { canonicalOwner } from '@ringfence/context'
import type { Context } from 'hono'
import { Problem } from '../problems/problem.ts'
import { problemResponse } from '../problems/problem-response.ts'
import { retryAfter, toProblem } from '../problems/to-problem.ts'
import { audited, recordRefusal, type AuditedRequest } from '../audit/record-access.ts'
import { refuseRevoked } from '../identity/identity-door.ts'
import { admit } from './admit.ts'
import type { Core } from './core.ts'
import { logExchange, logFailure, openExchange, type Exchange } from './exchange.ts'
import { inRequestScope } from './request-scope.ts'
import type { OwnedRoute, Route } from './route.ts'

/** Answers a request of a route, whatever happens: nothing is left to the host's error handler. */
export async function answer(core: Core, route: Route, hono: Context): Promise<Response> {
  const exchange = openExchange(hono, route.path)
  try {
    if (route.action !== undefined) {
      exchange.trace = core.tracing?.begin({ ...exchange, headers: hono.req.raw.headers })
      const { action } = route
      const named = hono.req.param('id') ?? hono.req.param('name')
      const audit: AuditedRequest = { core, hono, exchange, action, named }
      try {
        refuseAtOnce(core, hono)
        const { trace } = exchange
        if (trace === undefined) return await answerOwned(audit, route)
        return await trace.within(() => answerOwned(audit, route))
      } catch (error) {
        await recordRefusal(audit, error)
        throw error
      }
    }
    const response = await route.handle(core, hono, exchange)
    logExchange(core, exchange, response.status)
    return response
  } catch (error) {
    return refuse(core, exchange, error)
  }
}

async function answerOwned(request: AuditedRequest, route: OwnedRoute): Promise<Response> {
  const { core, hono, exchange } = request
  const { identity, actor } = await admit(core, route, hono, exchange)
  // After everything that takes time: from here to the scope, which a revocation ends, nothing does.
  refuseRevoked(core, identity)
  const { userId, tenantId } = identity
  const owner = canonicalOwner(tenantId === undefined ? { userId } : { userId, tenantId })
  const leave = core.admission.enter(owner, exchange, route.admission)
  const { response, closed } = await inRequestScope(core, exchange, identity, (scope) =>
    audited(request, actor, () =>
      route.handle({ core, hono, exchange, identity, actor, owner, scope }),
    ),
  ).finally(leave)
  const ended = closed.then(() => {
    core.streams.delete(ended)
    // A socket's status is what the client saw, not what the adapter makes of the answer.
    logExchange(core, exchange, exchange.closeCode === undefined ? response.status : 101)
  })
  core.streams.add(ended)
  return response
}

/** What is refused before anything is asked of anybody: it must cost next to nothing. */
function refuseAtOnce(core: Core, { req }: Context): void {
  if (core.overloaded) throw new Problem('overloaded', { headers: retryAfter(undefined) })
  if (!core.isOurHost(req.url)) throw new Problem('misdirected_request')
}

/** The answer to a request that fails. A client that has left is told nothing, and no alarm is raised. */
export function refuse(core: Core, exchange: Exchange, error: unknown): Response {
  const left = exchange.signal.aborted
  const problem = left ? new Problem('client_closed_request') : toProblem(error)
  if (problem.code === 'internal_error') logFailure(core, exchange, error)
  logExchange(core, exchange, problem.status)
  return problemResponse(problem, exchange)
}
