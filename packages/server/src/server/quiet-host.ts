import type { Hono } from 'hono'
import type { AgentHandler } from '../handler/create-handler.ts'
import type { ServerLogger } from '../handler/options.ts'
import { cutterOf } from '../identity/peer.ts'

/**
 * A host's app whose bodies may fail on their way. The adapter would write that to the console, and the
 * error's message to a client that has not got anything yet: here the connection is cut instead, so that
 * nobody takes half an answer for a whole one.
 */
export function quietHost(host: Hono, logger: ServerLogger | undefined): AgentHandler {
  return async (request, env) => {
    const response = await host.fetch(request, typeof env === 'object' && env !== null ? env : {})
    const { body, status, statusText, headers } = response
    if (body === null || headers.has('content-length')) return response
    const reader = body.getReader()
    const quiet = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          try {
            const { done, value } = await reader.read()
            if (done) controller.close()
            else controller.enqueue(value)
          } catch (error) {
            const errorName = error instanceof Error ? error.name : typeof error
            logger?.error({ errorName, path: new URL(request.url).pathname }, 'body failed')
            cutterOf(env)()
            controller.close()
          }
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    )
    return new Response(quiet, { status, statusText, headers })
  }
}
