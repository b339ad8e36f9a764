import { ServerResponse } from 'node:http'
import type { Http2Bindings, HttpBindings } from '@hono/node-server'
import type { AgentHandler } from '../handler/create-handler.ts'

export type NodeFetch = (request: Request, env: HttpBindings | Http2Bindings) => Promise<Response>

/** The handler as Node's adapter calls it. */
export function nodeFetch(handler: AgentHandler, draining: () => boolean): NodeFetch {
  return async (request, env) => {
    const response = await handler(request, env)
    const { outgoing } = env
    if (outgoing instanceof ServerResponse) {
      if (draining()) outgoing.shouldKeepAlive = false
    } else {
      // An upgrade: whatever the answer is, the adapter sends its status and never reads its body.
      void response.body?.cancel().catch(() => undefined)
    }
    return response
  }
}
