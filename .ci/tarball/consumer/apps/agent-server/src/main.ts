// An agent server the way a consumer writes it: one agent, one verified identity, one process.
import { currentScope } from '@ringfence/context'
import { AgentRegistry, createExecutionEngine, defineAgent } from '@ringfence/engine'
import { createServer, jwtAuth } from '@ringfence/server'
import * as z from 'zod'

const secret = process.env['SIGNING_SECRET']
if (secret === undefined) throw new Error('SIGNING_SECRET is not set.')

const greeter = defineAgent({
  name: 'greeter',
  input: z.object({ name: z.string() }),
  output: z.object({ greeting: z.string(), owner: z.string() }),
  run: ({ name }) => ({ greeting: `Hello, ${name}.`, owner: currentScope().owner.userId }),
})

const engine = createExecutionEngine({ agents: new AgentRegistry().register(greeter).freeze() })
const auth = jwtAuth({
  issuer: 'consumer',
  audience: 'agents',
  key: new TextEncoder().encode(secret),
})
const server = createServer({ engine, auth })

const { url } = await server.listen({ port: 0 })
process.once('SIGTERM', () => void server.close())
process.stdout.write(`${url}\n`)
