import { serve } from '@hono/node-server'
import { createExecutionEngine } from '@ringfence/engine'
import { agents } from './agents.ts'
import { createApp } from './app.ts'

const port = 3000
const engine = createExecutionEngine({ agents })
const app = createApp({
  engine,
  origin: `http://127.0.0.1:${port}`,
  // Yours looks into a database.
  check: async (name, password) =>
    password === `${name}'s` ? { id: name, plan: name === 'alice' ? 'pro' : 'free' } : undefined,
})
const server = serve({
  fetch: app.fetch,
  port,
  hostname: '127.0.0.1',
  overrideGlobalObjects: false,
})
// The host ends the engine: nobody else knows when.
process.once('SIGTERM', () => {
  server.close()
  void engine.close({ graceMs: 10_000 })
})
