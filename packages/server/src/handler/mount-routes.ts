import type { Context, Hono } from 'hono'
import { Problem } from '../problems/problem.ts'
import { answer, refuse } from './answer.ts'
import type { Core } from './core.ts'
import { openExchange } from './exchange.ts'
import type { Route } from './route.ts'

/**
 * Adds the routes to an app, and 405 to their paths. One handler a path: where one alone matches, Hono calls it and
 * nothing else, and an answer that is there at once is given at once.
 */
export function mountRoutes(app: Hono, core: Core): Hono {
  const paths = new Map<string, Map<string, Route>>()
  for (const route of core.routes) {
    const methods = paths.get(route.path) ?? new Map<string, Route>()
    methods.set(route.method, route)
    paths.set(route.path, methods)
  }
  for (const [path, methods] of paths) {
    const allow = [...methods.keys()]
      .flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
      .join(', ')
    app.all(path, (hono) => {
      const { method } = hono.req
      const route = methods.get(method === 'HEAD' ? 'GET' : method)
      if (route !== undefined) return answer(core, route, hono)
      const problem = new Problem('method_not_allowed', { headers: { allow } })
      return refuse(core, openExchange(hono, path), problem)
    })
  }
  return app
}

/** Answers 404 to the other paths under `/v1/`. No path outside is touched, so that the app may be a part of another. */
export function refuseOtherPaths(app: Hono, core: Core): Hono {
  for (const path of ['/v1/', '/v1/:rest{[^]+}']) app.all(path, (hono) => notFound(core, hono))
  return app
}

/** The answer for a path that there is no route for. */
export function notFound(core: Core, hono: Context): Response {
  return refuse(core, openExchange(hono, 'none'), new Problem('route_not_found'))
}
