import { canonicalOwner } from '@ringfence/context'
import type { Context } from 'hono'
import { Problem } from '../problems/problem.ts'
import { problemResponse } from '../problems/problem-response.ts'
import { retryAfter, toProblem } from '../problems/to-problem.ts'
import { audited, recordRefusal, type AuditedRequest } from '../audit/record-access.ts'
import { refuseRevoked } from '../identity/identity-door.ts'
import { admit, type Admitted } from './admit.ts'
import { guarded, onwards } from './at-once.ts'
import type { Core } from './core.ts'
import { logExchange, logFailure, openExchange, type Exchange } from './exchange.ts'
import { inRequestScope } from './request-scope.ts'
import type { OwnedRoute, PublicRoute, Route } from './route.ts'

/** Answers a request of a route, whatever happens: nothing is left to the host's error handler. */
export function answer(core: Core, route: Route, hono: Context): Response | Promise<Response> {
  const exchange = openExchange(hono, route.path)
  return guarded(
    () =>
      route.action === undefined
        ? answerAnybody(core, route, hono, exchange)
        : answerRecorded(core, route, hono, exchange),
    (error) => refuse(core, exchange, error),
  )
}

function answerAnybody(
  core: Core,
  route: PublicRoute,
  hono: Context,
  exchange: Exchange,
): Response | Promise<Response> {
  return onwards(route.handle(core, hono, exchange), (response) => {
    logExchange(core, exchange, response.status)
    return response
  })
}

/** Traced, and what is refused for want of rights is written down. */
function answerRecorded(
  core: Core,
  route: OwnedRoute,
  hono: Context,
  exchange: Exchange,
): Response | Promise<Response> {
  const { action } = route
  const named = hono.req.param('id') ?? hono.req.param('name')
  const request: AuditedRequest = { core, hono, exchange, action, named }
  const trace = core.tracing?.begin({
    method: exchange.method,
    route: exchange.route,
    requestId: exchange.requestId,
    headers: hono.req.raw.headers,
  })
  exchange.trace = trace
  return guarded(
    () => {
      refuseAtOnce(core, hono)
      return trace === undefined
        ? answerOwned(request, route)
        : trace.within(() => answerOwned(request, route))
    },
    async (error) => {
      await recordRefusal(request, error)
      throw error
    },
  )
}

function answerOwned(request: AuditedRequest, route: OwnedRoute): Response | Promise<Response> {
  const { core, hono, exchange } = request
  const admitted = admit(core, route, hono, exchange)
  if (!(admitted instanceof Promise)) return answerAdmitted(request, route, admitted)
  return admitted.then((late) => {
    if (exchange.left) throw new Problem('client_closed_request')
    return answerAdmitted(request, route, late)
  })
}

function answerAdmitted(
  request: AuditedRequest,
  route: OwnedRoute,
  { identity, actor }: Admitted,
): Response | Promise<Response> {
  const { core, hono, exchange } = request
  // After everything that takes time: from here to the scope, which a revocation ends, nothing does.
  refuseRevoked(core, identity)
  const { userId, tenantId } = identity
  const owner = canonicalOwner(tenantId === undefined ? { userId } : { userId, tenantId })
  const leave = core.admission.enter(owner, exchange, route.admission)
  let scoped: Response | Promise<Response> | undefined
  try {
    scoped = inRequestScope(core, exchange, identity, (scope) =>
      audited(request, actor, () =>
        route.handle({ core, hono, exchange, identity, actor, owner, scope }),
      ),
    )
  } finally {
    if (!(scoped instanceof Promise)) leave()
  }
  if (!(scoped instanceof Promise)) return handOut(core, exchange, scoped)
  return scoped.finally(leave).then((each) => handOut(core, exchange, each))
}

/** One that goes on is logged when it has ended. */
function handOut(core: Core, exchange: Exchange, response: Response): Response {
  if (!exchange.streamed) logExchange(core, exchange, response.status)
  return response
}

/** What is refused before anything is asked of anybody: it must cost next to nothing. */
function refuseAtOnce(core: Core, { req }: Context): void {
  if (core.overloaded) throw new Problem('overloaded', { headers: retryAfter(undefined) })
  if (!core.isOurHost(req.url)) throw new Problem('misdirected_request')
}

/** The answer to a request that fails. A client that has left is told nothing, and no alarm is raised. */
export function refuse(core: Core, exchange: Exchange, error: unknown): Response {
  const problem = exchange.left ? new Problem('client_closed_request') : toProblem(error)
  if (problem.code === 'internal_error') logFailure(core, exchange, error)
  logExchange(core, exchange, problem.status)
  return problemResponse(problem, exchange)
}
