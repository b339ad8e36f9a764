// The one process of a data directory: starts everybody's runs or finds them there, executes them, and reads them to its
// parent as clients do who come back again and again.
import { createExecutionEngine, isDurable, isTerminal } from '../../src/index.ts'
import { openPostgresStore, openRunQueue } from '../../src/postgres/index.ts'
import { durableAgents } from './durable-agents.ts'
import { envelopesOf } from './durable-node.ts'
import { embeddedOrders, type EmbeddedReport, type ReadFrom } from './embedded-process.ts'
import { users } from './users.ts'

const orders = embeddedOrders.parse(JSON.parse(process.argv[2] ?? '{}'))
const { dataDir, keys, people, runsEach, numbers, everyMs, patience } = orders
const report = (message: EmbeddedReport): void => void process.send?.(message)

const store = await openPostgresStore({ dataDir })
// Nobody would find out by a missed heartbeat: what a dead process was at goes on at once, or never.
const queue = await openRunQueue({ store, ...envelopesOf(keys), heartbeatSeconds: 3_600 })
const engine = createExecutionEngine({ agents: durableAgents(), store, queue })
queue.work(engine, { concurrency: 12 })

const started: ReadFrom[] = [...orders.readFrom]
if (started.length === 0) {
  for (let person = 0; person < people; person += 1) {
    const userId = `user-${person}`
    await users.run({ userId }, async () => {
      for (let run = 0; run < runsEach; run += 1) {
        const input = { to: numbers, everyMs, canary: `canary-of-${userId}-` }
        const { runId, result } = await engine.start('count', input)
        result.catch(() => undefined)
        started.push({ userId, runId, after: -1 })
        report({ userId, runId })
      }
    })
  }
}

async function read({ userId, runId, after }: ReadFrom): Promise<void> {
  let last = after
  while (true) {
    let left = patience
    for await (const event of await engine.events(runId, { after: last < 0 ? undefined : last })) {
      if (!isDurable(event)) continue
      last = event.seq
      report({ userId, runId, event })
      if (isTerminal(event)) return
      left -= 1
      if (left === 0) break
    }
    // It was read to its end before this process began.
    if (left > 0) return
    report({ userId, runId, reconnected: true })
  }
}

await Promise.all(started.map((run) => users.run({ userId: run.userId }, () => read(run))))
await queue.close()
await engine.close()
await store.close()
process.disconnect?.()
