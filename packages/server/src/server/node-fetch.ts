import { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Http2Bindings, HttpBindings } from '@hono/node-server'
import { OutgoingSink } from '../events/outgoing-sink.ts'
import { onwards } from '../handler/at-once.ts'
import type { AgentHandler } from '../handler/create-handler.ts'
import { DirectAnswers, type DirectAnswer } from '../handler/direct-answers.ts'
import { endWith } from './end-with.ts'
import { refuseUpgrade } from './refuse-upgrade.ts'

export type NodeFetch = (
  request: Request,
  env: HttpBindings | Http2Bindings,
) => Response | Promise<Response>

/** The handler as Node's adapter calls it. */
export function nodeFetch(handler: AgentHandler, draining: () => boolean): NodeFetch {
  const direct = new DirectAnswers()
  let sent: Response | undefined
  return (request, env) => {
    const { incoming, outgoing } = env
    const answers = outgoing instanceof ServerResponse
    return onwards(handler(request, answers ? { incoming, outgoing, direct } : env), (response) => {
      if (answers) {
        if (draining()) outgoing.shouldKeepAlive = false
        const answer = direct.of(response)
        if (answer === undefined) return response
        write(answer, outgoing)
        return (sent ??= alreadySent())
      }
      // An upgrade that comes to nothing: the adapter would send the status alone, and finds that it need not.
      if (isJson(response)) return endUpgrade(incoming.socket, response)
      if (response.body === null) return response
      return refuseStream(incoming.socket, response, response.body)
    })
  }
}

function write({ status, headers, content }: DirectAnswer, outgoing: ServerResponse): void {
  if (typeof content === 'string') {
    outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(content) })
    outgoing.end(content)
    return
  }
  outgoing.writeHead(status, headers)
  outgoing.flushHeaders()
  content.open(new OutgoingSink(outgoing))
  content.begin()
}

/** What tells the adapter that it has nothing to do. */
function alreadySent(): Response {
  const sent = new Response(null, { headers: { 'x-hono-already-sent': 'true' } })
  // Where the adapter has put its own class in the place of this one, that is a real response from here on only.
  void sent.body
  return sent
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
