import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import {
  createAdaptorServer,
  getRequestListener,
  upgradeWebSocket,
  type WebSocketServerLike,
} from '@hono/node-server'
import { WebSocketServer } from 'ws'
import type { AgentHandler } from '../handler/create-handler.ts'
import type { Core } from '../handler/core.ts'
import type { UpgradeWebSocket } from '../handler/options.ts'
import { answerForeignUpgrades, mayUpgrade } from './answer-foreign-upgrades.ts'
import { nodeFetch, type NodeFetch } from './node-fetch.ts'
import { endWith } from './end-with.ts'
import { answerUnreadable, refuseUnreadable } from './unreadable.ts'
import { namesItsHost } from './names-its-host.ts'
import { warnOfEnterWith } from './warn-of-enter-with.ts'
import { watchLoop } from './watch-loop.ts'

/** How long a connection may take, in milliseconds. */
export interface ServerTimeouts {
  /** For a request's headers. Default: 15,000. */
  readonly headersMs: number
  /** For a whole request, its body included; not for the answer. Default: 60,000. */
  readonly requestMs: number
  /** Between requests. Default: 72,000, longer than load balancers keep a connection. */
  readonly keepAliveMs: number
}

export interface ListenerOptions {
  readonly core: Core
  readonly fetch: AgentHandler
  readonly host: string
  readonly port: number
  readonly timeouts: Partial<ServerTimeouts> | undefined
  readonly connections: number | undefined
}

/** A listening server. */
export interface Listener {
  readonly url: string
  readonly port: number
  readonly upgradeWebSocket: UpgradeWebSocket
  /** From here on, answers say `Connection: close`. */
  beginDrain(): void
  /** Stops listening; waits for connections to end, and cuts them after `flushMs`. */
  close(flushMs: number): Promise<void>
}

export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { core, host, port } = options
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: core.limits.frameBytes,
    // No subprotocol is chosen: ws would send back the first one offered, a token perhaps.
    handleProtocols: () => false,
  })
  sockets.on('wsClientError', (_error, socket) => {
    void endWith(socket, refuseUnreadable('invalid_handshake'))
  })
  if (!fitsAdapter(sockets)) throw new TypeError('Expected a server of ws')
  let draining = false
  const fetch = nodeFetch(options.fetch, () => draining)
  const server = createAdaptorServer({
    fetch,
    websocket: { server: sockets },
    overrideGlobalObjects: false,
    createServer: () => createHttpServer(fetch, host, options.timeouts),
  })
  if (!isHttpServer(server)) throw new TypeError('Expected a server of node:http')
  server.maxConnections = options.connections ?? 50_000
  answerForeignUpgrades(server)
  answerUnreadable(server)
  const connections = new Set<Socket>()
  function hasClosed(this: Socket): void {
    connections.delete(this)
  }
  server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.on('close', hasClosed)
  })
  await listenOn(server, port, host)
  const unwatch = watchLoop(core.limits.loopDelayMs, (late) => {
    core.overloaded = late
  })
  const unwatchEntering = warnOfEnterWith(core.logger)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Not listening on a port')
  const name = host.includes(':') ? `[${host}]` : host

  return {
    url: `http://${name}:${address.port}`,
    port: address.port,
    upgradeWebSocket: (hono, events, handlers) =>
      upgradeWebSocket(hono, events, handlers ?? { onError: () => undefined }),
    beginDrain() {
      draining = true
    },
    async close(flushMs) {
      const ended = new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      // A connection becomes idle when its last answer has ended, and then would be kept.
      const idle = setInterval(() => server.closeIdleConnections(), 20)
      const cut = setTimeout(() => {
        server.closeAllConnections()
        for (const socket of sockets.clients) socket.terminate()
        for (const socket of connections) socket.destroy()
      }, flushMs)
      await ended
      unwatch()
      unwatchEntering()
      clearInterval(idle)
      clearTimeout(cut)
    },
  }
}

function createHttpServer(
  fetch: NodeFetch,
  hostname: string,
  { headersMs = 15_000, requestMs = 60_000, keepAliveMs = 72_000 }: Partial<ServerTimeouts> = {},
): Server {
  const listener = getRequestListener(fetch, {
    hostname,
    overrideGlobalObjects: false,
    // What comes here is a request that is not one: a broken Host, a path that cannot be.
    errorHandler() {
      const { status, headers, body } = refuseUnreadable('unreadable_request')
      return new Response(body, { status, headers })
    },
  })
  const options = {
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: 500,
    // Node would answer 400, and go on with what was sent behind: see below.
    requireHostHeader: false,
    // Known from Node 22.21 and 24.9 on; before, `answerForeignUpgrades` does it.
    shouldUpgradeCallback: (incoming: IncomingMessage) => mayUpgrade(incoming),
  }
  const refused = new WeakSet<Socket>()
  return createServer(options, (incoming, outgoing) => {
    // What was sent behind it has been read already, and is nothing that anybody asked for.
    if (refused.has(incoming.socket)) return void incoming.socket.destroy()
    if (namesItsHost(incoming)) return void listener(incoming, outgoing)
    refused.add(incoming.socket)
    outgoing.shouldKeepAlive = false
    const { status, headers, body } = refuseUnreadable('unreadable_request')
    const length = { 'content-length': Buffer.byteLength(body) }
    return void outgoing.writeHead(status, { ...headers, ...length }).end(body)
  })
}

function listenOn(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

// The types of the adapter and of ws differ in what is optional, and in nothing else.
function fitsAdapter(sockets: object): sockets is WebSocketServerLike {
  return sockets instanceof WebSocketServer
}

function isHttpServer(server: object): server is Server {
  return 'closeIdleConnections' in server
}
