import { Hono } from 'hono'
import { Problem } from '../problems/problem.ts'
import { refuse } from './answer.ts'
import { checkedBasePath, type Core } from './core.ts'
import { openExchange } from './exchange.ts'
import type { AgentHandler } from './create-handler.ts'
import { mountRoutes } from './mount-routes.ts'

/** The routes as an app that answers everything: what it does not know is a 404, or the host's. */
export function createApp(core: Core, basePath: string = '', host?: AgentHandler): Hono {
  const routes = mountRoutes(new Hono(), core)
  const app =
    basePath === '' ? routes : new Hono().route(checkedBasePath('basePath', basePath), routes)
  app.notFound((hono) =>
    host === undefined
      ? refuse(core, openExchange(hono, 'none'), new Problem('route_not_found'))
      : host(hono.req.raw, hono.env),
  )
  app.onError((error, hono) => refuse(core, openExchange(hono, 'none'), error))
  return app
}
