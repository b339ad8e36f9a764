import type { Hono } from 'hono'
import { guarded } from './at-once.ts'
import { createApp } from './create-app.ts'
import { createCore } from './core.ts'
import type { RingfenceOptions } from './options.ts'

/**
 * Answers a request: at once where nothing has to be waited for, which is what Node's adapter writes fastest. `env` is what
 * the runtime's adapter passes on: on Node, the connection. Never throws or rejects: what fails is a 500.
 */
export type AgentHandler = (request: Request, env?: unknown) => Response | Promise<Response>

export interface HandlerOptions extends RingfenceOptions {
  /** The path under which all routes stand, such as `/agents`. Default: the root. */
  readonly basePath?: string
}

/**
 * The server as one function from Request to Response, for any runtime that speaks them. Listens to nothing
 * and starts nothing. Throws TypeError where the options have no `auth`.
 *
 * @example
 * export default { fetch: createHandler({ engine, auth, basePath: '/agents' }) }
 */
export function createHandler(options: HandlerOptions): AgentHandler {
  return handlerOf(createApp(createCore(options), options.basePath))
}

/** An app as a function. Hono passes on what is thrown but is no Error; here that is a 500 too. */
export function handlerOf(app: Hono): AgentHandler {
  return (request, env) =>
    guarded(
      () => app.fetch(request, typeof env === 'object' && env !== null ? env : {}),
      () => new Response(null, { status: 500 }),
    )
}
