import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { namesItsHost } from './names-its-host.ts'

/**
 * Lets a server answer requests that ask for an upgrade to anything but a WebSocket, as if they had not asked
 * (RFC 9110, 7.8). Once somebody listens for upgrades, Node hands every such connection over and forgets it:
 * unanswered, it would stay open for ever. Java's HTTP client asks for h2c by itself. Newer versions of Node ask
 * `shouldUpgradeCallback` first, and nothing foreign comes here.
 *
 * The connection is given back to the server, with the request's head written out again without the Upgrade
 * header; so its body, its timeouts and the requests after it are treated like any other's. The adapter's own
 * listener stays the only one besides, because it answers refused WebSockets only while it is alone.
 */
export function answerForeignUpgrades(server: Server): void {
  const listeners = server.listeners('upgrade')
  server.removeAllListeners('upgrade')
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (mayUpgrade(request)) {
      for (const listener of listeners) Reflect.apply(listener, server, [request, socket, head])
      return
    }
    socket.unshift(Buffer.concat([Buffer.from(headOf(request), 'latin1'), head]))
    server.emit('connection', socket)
  })
}

/**
 * Whether a request asks for a WebSocket and nothing else, of one host, with GET: the adapter takes every method for
 * that. What does not is answered as any other request.
 */
export function mayUpgrade(request: IncomingMessage): boolean {
  const { method, headers } = request
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket' && namesItsHost(request)
}

/** What the parser has accepted, so there is nothing in it that could end a line early. */
function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  const lines = [`${method ?? 'GET'} ${url ?? '/'} HTTP/${httpVersion}`]
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    if (name.toLowerCase() !== 'upgrade') lines.push(`${name}: ${rawHeaders[index + 1] ?? ''}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}
