import {
  agentRoutes,
  createHandler,
  createServer,
  type AgentHandler,
  type RingfenceOptions,
} from '@ringfence/server'
import { Hono } from 'hono'
import { mount } from 'hono/mount'
import type { Face, Served } from './face.ts'

/** The faces without a socket: what every runtime has. */
export const facesWithoutSockets: readonly Face[] = [
  {
    name: 'createHandler',
    serve: async (options) =>
      served(createHandler({ ...options, basePath: '/agents' }), () =>
        options.engine.close({ graceMs: 0 }),
      ),
  },
  {
    name: 'agentRoutes under route()',
    serve: async (options) =>
      servedHost(options, (host) => host.route('/agents', agentRoutes(options))),
  },
  {
    name: 'agentRoutes under mount()',
    serve: async (options) =>
      servedHost(options, (host) => {
        const routes = agentRoutes({ ...options, strippedPrefix: '/agents' })
        return host.all('/agents/*', mount(routes.fetch))
      }),
  },
  {
    name: 'createServer',
    serve: async (options) => {
      const server = createServer({ ...options, basePath: '/agents' })
      return served(server.fetch, () => server.close({ graceMs: 0 }))
    },
  },
]

function servedHost(options: RingfenceOptions, embed: (host: Hono) => unknown): Served {
  const host = new Hono()
  host.get('/own', (c) => c.text('the host'))
  embed(host)
  return served(
    async (request) => host.fetch(request),
    () => options.engine.close({ graceMs: 0 }),
  )
}

function served(handler: AgentHandler, close: () => Promise<void>): Served {
  return {
    url: 'http://agents.test/agents',
    fetch: async (url, init) => handler(new Request(url, init)),
    close,
  }
}
