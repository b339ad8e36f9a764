// Writes events into a data directory until it is killed, and says which are stored.
import { openPostgresStore } from '../../src/postgres/index.ts'
import { users } from './users.ts'

const [, , dataDir = '', runId = ''] = process.argv
const at = new Date(0).toISOString()
const since = performance.now()
const store = await openPostgresStore({ dataDir })
process.send?.({ openedMs: Math.round(performance.now() - since) })
await users.run({ userId: 'alice' }, async () => {
  const stamp = { at, runId, requestId: 'r', userId: 'alice', agent: 'agent' }
  await store.runs.create({ runId, agent: 'agent', requestId: 'r', createdAt: at })
  await store.runs.append(runId, [{ ...stamp, type: 'agent_started', data: { queuedMs: 0 } }])
  for (let number = 1; ; number += 1) {
    const delta = `${runId} ${number}`
    const [stored] = await store.runs.append(runId, [
      { ...stamp, type: 'agent_text', data: { delta } },
    ])
    process.send?.({ acknowledged: stored?.seq })
  }
})
