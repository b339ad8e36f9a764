import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ProblemAnswer } from '../problems/problem-response.ts'

/** Writes an answer over a connection on which there is no response to write it with, and ends the connection. */
export function endWith(socket: Duplex, { status, headers, body }: ProblemAnswer): Promise<void> {
  const lines = Object.entries({
    ...headers,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`
  return new Promise((resolve) => {
    socket.once('close', () => resolve())
    socket.end(head + body, () => socket.destroy())
  })
}
