// One node of a rolling deployment: starts runs, executes them and follows them, as its parent says. It is run with the
// code of this version, and with that of the one before.
import * as z from 'zod'
import { AgentRegistry, createExecutionEngine, defineAgent, isTerminal } from '../../src/index.ts'
import { openPostgresStore, openRunQueue } from '../../src/postgres/index.ts'
import { envelopesOf, type DeploymentKeys } from './durable-node.ts'
import { users } from './users.ts'

const orders = z
  .object({
    url: z.string(),
    keys: z.custom<DeploymentKeys>(),
    agents: z.array(z.string()),
    works: z.boolean(),
  })
  .parse(JSON.parse(process.argv[2] ?? '{}'))
const order = z.object({
  id: z.int(),
  userId: z.string(),
  start: z.string().optional(),
  /** How many pieces of text the run that it starts has. */
  to: z.int().default(12),
  follow: z.string().optional(),
  /** Not to the end: to the first piece of text. */
  briefly: z.boolean().default(false),
})

const agents = new AgentRegistry()
for (const name of orders.agents) {
  agents.register(
    defineAgent({
      name,
      input: z.object({ to: z.int() }),
      output: z.object({ by: z.int() }),
      run: async ({ to }, execution) => {
        for (let number = 0; number < to; number += 1) {
          await execution.text(`${number} of ${users.current().userId}`)
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
        return { by: process.pid }
      },
    }),
  )
}
const store = await openPostgresStore({ url: orders.url, pollMs: 500, connections: 4 })
const queue = await openRunQueue({ store, ...envelopesOf(orders.keys) })
const engine = createExecutionEngine({ agents: agents.freeze(), store, queue })
if (orders.works) queue.work(engine, { concurrency: 4 })

async function obey({
  start,
  to,
  follow = '',
  briefly,
}: Omit<z.output<typeof order>, 'id' | 'userId'>): Promise<unknown> {
  if (start !== undefined) {
    const { runId, result } = await engine.start(start, { to })
    result.catch(() => undefined)
    return runId
  }
  const events = []
  for await (const event of await engine.events(follow)) {
    if ('seq' in event) events.push(event)
    if (isTerminal(event) || (briefly && event.type === 'agent_text')) break
  }
  return events
}

process.on('message', (message) => {
  const { id, userId, ...rest } = order.parse(message)
  users
    .run({ userId }, () => obey(rest))
    .then((answer) => process.send?.({ id, answer }))
    .catch((error: unknown) => process.send?.({ id, error: String(error) }))
})
process.once('SIGTERM', () => {
  void (async () => {
    await queue.close({ graceMs: 0 })
    await engine.close({ graceMs: 0 })
    await store.close()
    process.disconnect?.()
  })()
})
process.send?.('ready')
