// WebSockets of each server: the same users, runs and events as in `stream-servers.mjs`, as frames of JSON.
import { createServer as createHttpServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { build, sentence } from './agent.mjs'
import { eventOf, groups, tick } from './groups.mjs'
import { begun, options } from './stream-servers.mjs'

const ticks = () => Array.from({ length: groups }, (_, at) => tick(at))
const groupOf = (url) => Number(url.slice(url.lastIndexOf('/') + 1))

function telling(at, send) {
  let seq = 0
  return () => {
    const event = eventOf(at, seq, sentence)
    seq += 1
    send(JSON.stringify({ type: 'event', id: 'f', event }))
  }
}

const targetsOf = (users) =>
  users.map(({ header }, at) => ({ path: `/socket/${at}`, authorization: header, runId: 'none' }))

export const socketServers = {
  async ws(_, users) {
    const all = ticks()
    const sockets = new WebSocketServer({ noServer: true })
    const server = createHttpServer()
    server.on('upgrade', (request, connection, head) => {
      sockets.handleUpgrade(request, connection, head, (socket) => {
        const at = groupOf(request.url)
        socket.send('{"type":"connection_established"}')
        const stop = all[at].subscribe(telling(at, (text) => socket.send(text)))
        socket.on('message', () => undefined)
        socket.on('close', stop)
      })
    })
    await new Promise((resolve) => server.listen(0, '127.0.0.1', 16_384, resolve))
    return { port: server.address().port, targets: targetsOf(users) }
  },

  async 'hono, upgradeWebSocket'(_, users) {
    const { Hono } = await import('hono')
    const { serve, upgradeWebSocket } = await import('@hono/node-server')
    const all = ticks()
    const app = new Hono().get(
      '/socket/:at',
      upgradeWebSocket((c) => {
        const at = groupOf(c.req.path)
        let stop
        return {
          onOpen(_event, socket) {
            socket.send('{"type":"connection_established"}')
            stop = all[at].subscribe(telling(at, (text) => socket.send(text)))
          },
          onMessage: () => undefined,
          onClose: () => stop(),
        }
      }),
    )
    const port = await new Promise((resolve) => {
      serve(
        {
          fetch: app.fetch,
          websocket: { server: new WebSocketServer({ noServer: true }) },
          port: 0,
          hostname: '127.0.0.1',
        },
        ({ port: taken }) => resolve(taken),
      )
    })
    return { port, targets: targetsOf(users) }
  },

  async ringfence(_, users) {
    const { createServer } = await build('server/dist/index.js')
    const server = createServer(await options())
    const { port } = await server.listen({ port: 0 })
    const events = await begun(server.fetch, users)
    const targets = events.map((path, at) => ({
      path: '/v1/ws',
      authorization: users[at].header,
      runId: path.split('/').at(-2),
    }))
    return { port, targets }
  },
}
