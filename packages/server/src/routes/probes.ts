import { jsonResponse } from '../handler/json-response.ts'
import type { PublicRoute } from '../handler/route.ts'

/** The process answers. */
export const live: PublicRoute = {
  method: 'GET',
  path: '/livez',
  contract: {
    summary: 'Whether the process answers.',
    answers: { 200: { description: 'It does.', schema: 'Status' } },
    problems: [],
  },
  handle: (_core, _hono, exchange) => jsonResponse(exchange, 200, { status: 'ok' }),
}

/** The engine accepts runs, and the server is not shutting down. */
export const ready: PublicRoute = {
  method: 'GET',
  path: '/readyz',
  contract: {
    summary: 'Whether runs are accepted.',
    answers: {
      200: { description: 'They are.', schema: 'Status' },
      503: { description: 'The server or its engine shuts down.', schema: 'Status' },
    },
    problems: [],
  },
  handle(core, _hono, exchange) {
    const accepts = !core.draining && core.engine.health().accepting
    return accepts
      ? jsonResponse(exchange, 200, { status: 'ok' })
      : jsonResponse(exchange, 503, { status: 'draining' })
  },
}
