import type { Hono } from 'hono'
import { Problem } from '../problems/problem.ts'
import { answer, refuse } from './answer.ts'
import type { Core } from './core.ts'
import { openExchange } from './exchange.ts'

/**
 * Adds the routes to an app, 405 to their paths, and 404 to the other paths under `/v1/`. No path outside is
 * touched, so that the app may be a part of another.
 */
export function mountRoutes(app: Hono, core: Core): Hono {
  const methods = new Map<string, string[]>()
  for (const route of core.routes) {
    app.on(route.method, route.path, (hono) => answer(core, route, hono))
    const allowed = methods.get(route.path) ?? []
    allowed.push(...(route.method === 'GET' ? ['GET', 'HEAD'] : [route.method]))
    methods.set(route.path, allowed)
  }
  for (const [path, allowed] of methods) {
    const headers = { allow: allowed.join(', ') }
    app.all(path, (hono) =>
      refuse(core, openExchange(hono, path), new Problem('method_not_allowed', { headers })),
    )
  }
  for (const path of ['/v1/', '/v1/:rest{[^]+}']) {
    app.all(path, (hono) =>
      refuse(core, openExchange(hono, 'none'), new Problem('route_not_found')),
    )
  }
  return app
}
