import { ServerResponse } from 'node:http'
import type { Http2Bindings, HttpBindings } from '@hono/node-server'
import type { AgentHandler } from '../handler/create-handler.ts'
import { endWith } from './end-with.ts'
import { refuseUpgrade } from './refuse-upgrade.ts'

export type NodeFetch = (request: Request, env: HttpBindings | Http2Bindings) => Promise<Response>

/** The handler as Node's adapter calls it. */
export function nodeFetch(handler: AgentHandler, draining: () => boolean): NodeFetch {
  return async (request, env) => {
    const response = await handler(request, env)
    const { incoming, outgoing } = env
    if (outgoing instanceof ServerResponse) {
      if (draining()) outgoing.shouldKeepAlive = false
    } else if (isJson(response)) {
      // An upgrade that comes to nothing: the adapter would send the status alone, and finds that it need not.
      const { status, headers } = response
      await endWith(incoming.socket, {
        status,
        headers: Object.fromEntries(headers),
        body: await response.text(),
      })
    } else if (response.body !== null) {
      // Whatever the answer to an upgrade is, the adapter never reads its body.
      void response.body.cancel().catch(() => undefined)
      if (response.ok) await endWith(incoming.socket, refuseUpgrade(response))
    }
    return response
  }
}

function isJson({ headers }: Response): boolean {
  return /^application\/(?:problem\+)?json$/.test(headers.get('content-type') ?? '')
}
