import type { Core } from '../handler/core.ts'
import { jsonResponse } from '../handler/json-response.ts'
import type { PublicRoute } from '../handler/route.ts'

/** The process turns: the answer has waited for a timer, which a process that is stuck never calls. */
export const live: PublicRoute = {
  method: 'GET',
  path: '/livez',
  contract: {
    summary: 'Whether the process still turns.',
    answers: { 200: { description: 'It does.', schema: 'Status' } },
    problems: [],
  },
  async handle(_core, _hono, exchange) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    return jsonResponse(exchange, 200, { status: 'ok' })
  },
}

/** The engine accepts runs and its store answers, and the server is not shutting down. Says no more than that. */
export const ready: PublicRoute = {
  method: 'GET',
  path: '/readyz',
  contract: {
    summary: 'Whether runs are accepted.',
    answers: {
      200: { description: 'They are.', schema: 'Status' },
      503: {
        description:
          'The server or its engine shuts down (`draining`), or cannot do its work (`failing`).',
        schema: 'Status',
      },
    },
    problems: [],
  },
  async handle(core, _hono, exchange) {
    const status = await statusOf(core)
    return jsonResponse(exchange, status === 'ok' ? 200 : 503, { status })
  },
}

/** Whoever asks meanwhile gets the same answer, so that asking often costs the store nothing. */
async function statusOf(core: Core): Promise<'ok' | 'draining' | 'failing'> {
  if (core.leaving || core.draining || !core.engine.health().accepting) return 'draining'
  core.health ??= core.engine.checkHealth().finally(() => {
    core.health = undefined
  })
  const { status } = await core.health
  if (core.leaving || core.draining || status === 'closed') return 'draining'
  return status === 'failing' ? 'failing' : 'ok'
}
