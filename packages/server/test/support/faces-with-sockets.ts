import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { mount } from 'hono/mount'
import { agentRoutes, createServer, type RingfenceOptions } from '@ringfence/server'
import type { Face, Served } from './face.ts'

const routed: Face = {
  name: 'agentRoutes under route()',
  serve: (options) => serveHost(options, (host) => host.route('/agents', agentRoutes(options))),
}

const mounted: Face = {
  name: 'agentRoutes under mount()',
  serve: (options) =>
    serveHost(options, (host) => {
      const routes = agentRoutes({ ...options, strippedPrefix: '/agents' })
      return host.all('/agents/*', mount(routes.fetch))
    }),
}

const whole: Face = {
  name: 'createServer',
  serve: async (options) => {
    const server = createServer({
      ...options,
      limits: { loopDelayMs: 60_000, ...options.limits },
    })
    const { url } = await server.listen({ port: 0 })
    return { url, fetch, close: () => server.close({ graceMs: 0 }) }
  },
}

/** The faces behind real sockets. */
export const facesWithSockets: readonly Face[] = [routed, mounted, whole]

/** A host with a request id of its own and other routes, as an embedder has it. */
async function serveHost(
  options: RingfenceOptions,
  embed: (host: Hono<{ Variables: { requestId: string } }>) => unknown,
): Promise<Served> {
  const host = new Hono<{ Variables: { requestId: string } }>()
  host.get('/own', (c) => c.text('the host'))
  embed(host)
  const server = createAdaptorServer({
    fetch: host.fetch,
    // A mounted app gets a Request made by the global constructor, so this host has the adapter's.
    createServer: createHttpServer,
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/agents`,
    fetch,
    close: async () => {
      await options.engine.close({ graceMs: 0 })
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        if ('closeAllConnections' in server) server.closeAllConnections()
      })
    },
  }
}
