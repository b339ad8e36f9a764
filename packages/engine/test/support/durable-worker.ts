// A worker of the tests with several processes: forked, killed and stopped by its pid.
import { createExecutionEngine } from '../../src/index.ts'
import { openPostgresStore, openRunQueue } from '../../src/postgres/index.ts'
import { durableAgents } from './durable-agents.ts'
import { envelopesOf } from './durable-node.ts'
import { workerOrders, type WorkerReport } from './worker-process.ts'

const {
  url,
  keys,
  concurrency,
  ownerConcurrency,
  pollMs = 500,
} = workerOrders.parse(JSON.parse(process.argv[2] ?? '{}'))
const store = await openPostgresStore({ url, pollMs, connections: 4, migrate: false })
const queue = await openRunQueue({ store, ...envelopesOf(keys), ownerConcurrency })
const engine = createExecutionEngine({ agents: durableAgents(), store, queue })
queue.work(engine, { concurrency })
const report = (message: WorkerReport): void => void process.send?.(message)
process.once('SIGTERM', () => {
  void (async () => {
    await queue.close({ graceMs: 0 })
    await engine.close({ graceMs: 0 })
    await store.close()
    process.disconnect?.()
  })()
})
report('ready')
