// A server of several behind a balancer, with one database: a process of its own, to be killed.
import { createExecutionEngine } from '@ringfence/engine'
import { openPostgresStore, openRunQueue } from '@ringfence/engine/postgres'
import { createServer } from '@ringfence/server'
import * as z from 'zod'
import { durableAgents } from '../../../engine/test/support/durable-agents.ts'
import { type DeploymentKeys, envelopesOf } from '../../../engine/test/support/durable-node.ts'
import { users } from '../../../engine/test/support/users.ts'
import { auth } from './tokens.ts'

const { url, keys, port } = z
  .object({ url: z.string(), keys: z.custom<DeploymentKeys>(), port: z.int() })
  .parse(JSON.parse(process.argv[2] ?? '{}'))
const store = await openPostgresStore({ url, connections: 8 })
const queue = await openRunQueue({ store, ...envelopesOf(keys) })
const engine = createExecutionEngine({ agents: durableAgents(), store, queue })
const server = createServer({
  engine,
  auth,
  context: users,
  trustProxy: ['127.0.0.1/32'],
  limits: { loopDelayMs: 60_000 },
})
await server.listen({ port })
queue.work(engine, { concurrency: 6 })
process.send?.('ready')
