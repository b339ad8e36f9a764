// Servers of Ringfence that have something to do, for what happens when clients misbehave or are too many.
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import { build, engine, told } from './agent.mjs'
import { audience, issuer, key } from './users.mjs'

const most = 2_147_483_647

/** When tools were told to stop: nanoseconds of the machine's monotonic clock, which all processes share. */
const aborted = []

/** An agent whose tool goes on until it is told to stop. */
function waiting({ defineAgent, defineTool }) {
  const wait = defineTool({
    name: 'wait',
    input: z.object({}),
    output: z.object({}),
    async run(_input, { signal }) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      aborted.push(String(process.hrtime.bigint()))
      return {}
    },
  })
  return defineAgent({
    name: 'waiting',
    input: z.object({}),
    output: z.object({}),
    run: (_input, agent) => agent.call(wait, {}),
  })
}

/** An agent that takes the processor for 2 ms, in one piece. */
function computing({ defineAgent }) {
  return defineAgent({
    name: 'computing',
    input: z.object({}),
    output: z.object({}),
    run() {
      const until = performance.now() + 2
      while (performance.now() < until);
      return {}
    },
  })
}

async function serverOf(more, { limits, timeouts } = {}) {
  const { createServer, jwtAuth } = await build('server/dist/index.js')
  const server = createServer({
    engine: await engine(more),
    auth: jwtAuth({ issuer, audience, key }),
    limits,
    timeouts,
  })
  const { port } = await server.listen({ port: 0 })
  return { port }
}

export const workServers = {
  async 'disconnect: ringfence'() {
    told.more = () => ({ aborted: aborted.splice(0) })
    const limits = { requestsPerMinute: most, runsPerMinute: most }
    return serverOf((api) => [waiting(api)], { limits })
  },

  /** What Hono's own stream does, for comparison. */
  async 'disconnect: hono, streamSSE'() {
    const { Hono } = await import('hono')
    const { streamSSE } = await import('hono/streaming')
    const { serve } = await import('@hono/node-server')
    told.more = () => ({ aborted: aborted.splice(0) })
    const app = new Hono().post('/v1/agents/waiting/runs', (c) =>
      streamSSE(c, async (stream) => {
        await stream.writeSSE({ event: 'tool_executing', data: '{}' })
        await new Promise((resolve) => stream.onAbort(resolve))
        aborted.push(String(process.hrtime.bigint()))
      }),
    )
    const port = await new Promise((resolve) => {
      serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, (at) => resolve(at.port))
    })
    return { port }
  },

  /** Everything at its default, timeouts among it. */
  defaults: () => serverOf(() => []),

  /** The rates are not what is measured. */
  unlimited: () =>
    serverOf((api) => [computing(api)], {
      limits: { requestsPerMinute: most, runsPerMinute: most, ownerRequests: 1_024 },
    }),
}

export { sleep }
