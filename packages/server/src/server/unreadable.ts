import type { Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { Problem, type ProblemCode } from '../problems/problem.ts'
import { problemAnswer, type ProblemAnswer } from '../problems/problem-response.ts'
import { endWith } from './end-with.ts'

const codes: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

/** The answer to what is no request that anybody could look at: it has no exchange, and only here an id. */
export function refuseUnreadable(code: ProblemCode): ProblemAnswer {
  const requestId = globalThis.crypto.randomUUID()
  return problemAnswer(new Problem(code), { requestId, fields: { 'x-request-id': requestId } })
}

/**
 * Answers what Node's parser gives up on, as Node does, but with a problem; and an `Expect` that nobody can meet. While an
 * answer is on its way over a connection nothing is written into it: the connection just ends.
 */
export function answerUnreadable(server: Server): void {
  /** What has not ended yet: more than one only where a client does not wait for its answers. */
  const answering = new WeakMap<Duplex, ServerResponse[]>()
  // One listener for all: a server has as many as it has open streams.
  function hasEnded(this: ServerResponse): void {
    const open = answering.get(this.req.socket)
    open?.splice(open.indexOf(this), 1)
  }
  server.on('request', ({ socket }, outgoing) => {
    const open = answering.get(socket)
    if (open === undefined) answering.set(socket, [outgoing])
    else open.push(outgoing)
    outgoing.on('close', hasEnded)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const begun = answering.get(socket)?.some(({ headersSent }) => headersSent) === true
    if (!socket.writable || begun || error.code === 'ECONNRESET') socket.destroy()
    else void endWith(socket, refuseUnreadable(codes[error.code ?? ''] ?? 'unreadable_request'))
  })
  server.on('checkExpectation', (_incoming, outgoing: ServerResponse) => {
    const { status, headers, body } = refuseUnreadable('expectation_failed')
    // Whether its body comes is not known, and so not where the next request begins.
    outgoing.shouldKeepAlive = false
    outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
  })
}
