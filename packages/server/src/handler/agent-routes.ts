import type { Hono } from 'hono'
import { createApp } from './create-app.ts'
import { createCore } from './core.ts'
import { refuseOtherPaths } from './mount-routes.ts'
import type { RingfenceOptions } from './options.ts'

/**
 * The server's routes as a Hono app, for `host.route('/agents', agentRoutes({ engine, identify }))`. Adds no
 * middleware and answers on its own paths only; CORS, security headers and shutdown are the host's. The host's
 * request id is taken over. Throws TypeError where the options have no `auth` and no `identify`.
 *
 * @example
 * host.route('/agents', agentRoutes({ engine, identify: ({ hono }) => ({ userId: hono.get('user').id }) }))
 */
export function agentRoutes(options: RingfenceOptions): Hono {
  const core = createCore(options)
  return refuseOtherPaths(createApp(core), core)
}
