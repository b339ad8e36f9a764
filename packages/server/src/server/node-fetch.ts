import { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Http2Bindings, HttpBindings } from '@hono/node-server'
import { onwards } from '../handler/at-once.ts'
import type { AgentHandler } from '../handler/create-handler.ts'
import { endWith } from './end-with.ts'
import { refuseUpgrade } from './refuse-upgrade.ts'

export type NodeFetch = (
  request: Request,
  env: HttpBindings | Http2Bindings,
) => Response | Promise<Response>

/** The handler as Node's adapter calls it. */
export function nodeFetch(handler: AgentHandler, draining: () => boolean): NodeFetch {
  return (request, env) =>
    onwards(handler(request, env), (response) => {
      const { incoming, outgoing } = env
      if (outgoing instanceof ServerResponse) {
        if (draining()) outgoing.shouldKeepAlive = false
        return response
      }
      // An upgrade that comes to nothing: the adapter would send the status alone, and finds that it need not.
      if (isJson(response)) return endUpgrade(incoming.socket, response)
      if (response.body === null) return response
      return refuseStream(incoming.socket, response, response.body)
    })
}

async function endUpgrade(socket: Duplex, response: Response): Promise<Response> {
  const { status, headers } = response
  const body = await response.text()
  await endWith(socket, { status, headers: Object.fromEntries(headers), body })
  return response
}

/** Whatever the answer to an upgrade is, the adapter never reads its body. */
async function refuseStream(
  socket: Duplex,
  response: Response,
  body: ReadableStream,
): Promise<Response> {
  void body.cancel().catch(() => undefined)
  if (response.ok) await endWith(socket, refuseUpgrade(response))
  return response
}

function isJson({ headers }: Response): boolean {
  return /^application\/(?:problem\+)?json$/.test(headers.get('content-type') ?? '')
}
