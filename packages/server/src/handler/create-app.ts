import { Hono } from 'hono'
import { indirect } from '../identity/peer.ts'
import { refuse } from './answer.ts'
import { checkedBasePath, type Core } from './core.ts'
import { openExchange } from './exchange.ts'
import type { AgentHandler } from './create-handler.ts'
import { mountRoutes, notFound } from './mount-routes.ts'
import { PathRouter } from './path-router.ts'

/** The routes as an app that answers everything: what it does not know is a 404, or the host's, if it is not under `/v1/`. */
export function createApp(core: Core, basePath: string = '', host?: AgentHandler): Hono {
  const routes = mountRoutes(appOf(), core)
  const app =
    basePath === '' ? routes : appOf().route(checkedBasePath('basePath', basePath), routes)
  const own = `${basePath}/v1/`
  app.notFound((hono) =>
    host === undefined || hono.req.path.startsWith(own)
      ? notFound(core, hono)
      : host(hono.req.raw, indirect(hono.env)),
  )
  app.onError((error, hono) => refuse(core, openExchange(hono, 'none'), error))
  return app
}

function appOf(): Hono {
  return new Hono({ router: new PathRouter() })
}
