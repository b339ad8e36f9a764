import { jsonResponse } from '../handler/json-response.ts'
import type { PublicRoute } from '../handler/route.ts'

/** The process answers. */
export const live: PublicRoute = {
  method: 'GET',
  path: '/livez',
  handle: (_core, _hono, { requestId }) => jsonResponse(requestId, 200, { status: 'ok' }),
}

/** The engine accepts runs, and the server is not shutting down. */
export const ready: PublicRoute = {
  method: 'GET',
  path: '/readyz',
  handle(core, _hono, { requestId }) {
    const accepts = !core.draining && core.engine.health().accepting
    return accepts
      ? jsonResponse(requestId, 200, { status: 'ok' })
      : jsonResponse(requestId, 503, { status: 'draining' })
  },
}
