// Server-sent events by each server: a hundred users, each with a run that says something once a second, and any number of
// readers. Every reader gets the event made into text for itself.
import { createServer as createHttpServer } from 'node:http'
import { build, sentence, tickers } from './agent.mjs'
import { delayOf, eventOf, groups, tick } from './groups.mjs'
import { audience, issuer, key } from './users.mjs'

const most = 2_147_483_647
const paths = Array.from({ length: groups }, (_, at) => `/events/${at}`)
const groupOf = (url) => Number(url.slice(url.lastIndexOf('/') + 1))
const ticks = () => Array.from({ length: groups }, (_, at) => tick(at))

/** `send(id, type, data)` for one reader of a group. */
function telling(at) {
  let seq = 0
  return (send) => {
    const event = eventOf(at, seq, sentence)
    seq += 1
    send(`${event.runId}:${event.seq}`, event.type, JSON.stringify(event))
  }
}

const headers = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
}

export const streamServers = {
  async 'node:http'(_, users) {
    const all = ticks()
    const server = createHttpServer((request, response) => {
      const at = groupOf(request.url)
      response.writeHead(200, headers)
      response.flushHeaders()
      const tell = telling(at)
      const stop = all[at].subscribe(() =>
        tell((id, type, data) => response.write(`id: ${id}\nevent: ${type}\ndata: ${data}\n\n`)),
      )
      response.on('close', stop)
    })
    await new Promise((resolve) => server.listen(0, '127.0.0.1', 16_384, resolve))
    return { port: server.address().port, targets: targetsOf(users, paths) }
  },

  async 'hono, streamSSE'(_, users) {
    const { Hono } = await import('hono')
    const { streamSSE } = await import('hono/streaming')
    const all = ticks()
    const app = new Hono().get('/events/:at', (c) => {
      const at = groupOf(c.req.path)
      const tell = telling(at)
      return streamSSE(c, async (stream) => {
        while (!stream.aborted) {
          await all[at].next()
          const written = []
          tell((id, event, data) => written.push(stream.writeSSE({ id, event, data })))
          await written[0]
        }
      })
    })
    return { port: await served(app.fetch), targets: targetsOf(users, paths) }
  },

  async 'hono, ReadableStream by hand'(_, users) {
    const { Hono } = await import('hono')
    const all = ticks()
    const encoder = new TextEncoder()
    const app = new Hono().get('/events/:at', (c) => {
      const at = groupOf(c.req.path)
      const tell = telling(at)
      let stop
      const body = new ReadableStream({
        start(controller) {
          stop = all[at].subscribe(() =>
            tell((id, type, data) =>
              controller.enqueue(encoder.encode(`id: ${id}\nevent: ${type}\ndata: ${data}\n\n`)),
            ),
          )
        },
        cancel: () => stop(),
      })
      return new Response(body, { headers })
    })
    return { port: await served(app.fetch), targets: targetsOf(users, paths) }
  },

  async ringfence(_, users) {
    const { createServer } = await build('server/dist/index.js')
    const server = createServer(await options())
    const { port } = await server.listen({ port: 0 })
    return { port, targets: targetsOf(users, await begun(server.fetch, users)) }
  },

  async 'ringfence createHandler'(_, users) {
    const { createHandler } = await build('server/dist/index.js')
    const fetch = createHandler(await options())
    return { port: await served(fetch), targets: targetsOf(users, await begun(fetch, users)) }
  },
}

export async function options() {
  const { jwtAuth } = await build('server/dist/index.js')
  const unlimited = { ownerStreams: 20_000, ownerSockets: 20_000 }
  return {
    engine: await tickers({ concurrency: 1_000, runMs: 600_000 }),
    auth: jwtAuth({ issuer, audience, key }),
    limits: { requestsPerMinute: most, runsPerMinute: most, ...unlimited },
  }
}

/** A run for each user. Where its events are. */
export async function begun(fetch, users) {
  return Promise.all(
    users.map(async ({ header }, at) => {
      const answer = await fetch(
        new Request('http://127.0.0.1/v1/agents/ticker/runs', {
          method: 'POST',
          headers: { authorization: header, 'content-type': 'application/json' },
          body: JSON.stringify({ input: { delayMs: delayOf(at) } }),
        }),
      )
      if (answer.status !== 202) throw new Error(await answer.text())
      return (await answer.json()).links.events
    }),
  )
}

const targetsOf = (users, each) =>
  each.map((path, at) => ({ path, authorization: users[at].header }))

async function served(fetch) {
  const { serve } = await import('@hono/node-server')
  return new Promise((resolve) => {
    serve({ fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => resolve(port))
  })
}
