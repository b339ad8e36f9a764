// What text costs the store with batches and without, and what one append costs a server.
//   node bench/scheduler/events.mjs > bench/scheduler/events.json
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../../packages/engine/test/support/postgres-cluster.ts'
import { openNode, users } from './deployment.mjs'

const require = createRequire(new URL('../../packages/engine/package.json', import.meta.url))
const pg = require('pg')
const seconds = (since) => (performance.now() - since) / 1_000
const rounded = (value) => Number(value.toPrecision(3))

/** So many users have an agent say so many pieces, one after the other. */
async function talk(node, { people, pieces, everyMs }) {
  const since = performance.now()
  const runIds = await Promise.all(
    Array.from({ length: people }, (_, user) =>
      users.run({ userId: `user-${user}` }, async () => {
        const { runId, result } = await node.engine.start('talk', { pieces, everyMs })
        await result
        return runId
      }),
    ),
  )
  const took = seconds(since)
  const [{ events, appends, bytes }] = await node.store.parts.database.script((run) =>
    run(`SELECT count(*)::integer AS events, count(DISTINCT xmin::text)::integer AS appends,
      sum(pg_column_size(e.*))::integer AS bytes
      FROM ringfence.events e WHERE run_id IN (${runIds.map((id) => `'${id}'`).join(',')})`),
  )
  return {
    people,
    pieces,
    everyMs,
    seconds: rounded(took),
    appendsPerRun: appends / people,
    eventsPerSecond: Math.round(events / took),
    bytesPerRun: Math.round(bytes / people),
  }
}

async function text(opened, people) {
  const rows = []
  for (const batchMs of [0, 50]) {
    const node = await openNode({ ...opened, batchMs })
    await talk(node, { people: 1, pieces: 50, everyMs: 0 })
    for (const load of [
      { people: 1, pieces: 1_000, everyMs: 0 },
      { people, pieces: 1_000, everyMs: 0 },
      { people: 4, pieces: 500, everyMs: 10 },
    ]) {
      rows.push({ batchMs, ...(await talk(node, load)) })
    }
    await node.close()
  }
  return rows
}

/** The statement of an append as it is, and with one thing changed. Each connection has a run of its own. */
function appendOf({ notifies, indexes }) {
  return `WITH fence AS (
      UPDATE ringfence.runs SET last_seq = last_seq + 1${indexes ? ', changed_on = clock_timestamp()' : ''}
      WHERE tenant = '' AND user_id = $1 AND run_id = 'r' AND attempt = 0 AND ended_at IS NULL RETURNING last_seq
    ), added AS (
      INSERT INTO ringfence.events (tenant, user_id, run_id, seq, event)
      SELECT '', $1, 'r', fence.last_seq, $2 FROM fence
    )
    SELECT last_seq${notifies ? ", pg_notify('ringfence', $1)" : ''} FROM fence`
}

const event = JSON.stringify({
  type: 'agent_text',
  at: new Date(0).toISOString(),
  data: { delta: 'x'.repeat(100) },
})

async function append(url, { connections, ...variant }) {
  const clients = await Promise.all(
    Array.from({ length: connections }, async (_, number) => {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      const user = `${JSON.stringify(variant)} ${connections} ${number}`
      await client.query(
        `INSERT INTO ringfence.runs (tenant, user_id, run_id, agent, request_id, created_at) VALUES ('', $1, 'r', 'a', 'q', '')`,
        [user],
      )
      return { client, user }
    }),
  )
  const [{ client }] = clients
  const wal = async () =>
    (await client.query(`SELECT pg_current_wal_lsn() - '0/0' AS bytes`)).rows[0].bytes
  const before = await wal()
  const since = performance.now()
  let appends = 0
  const name = 'append'
  const statement = appendOf(variant)
  await Promise.all(
    clients.map(async (own) => {
      while (seconds(since) < 2.5) {
        await own.client.query({ name, text: statement, values: [own.user, event] })
        appends += 1
      }
    }),
  )
  const took = seconds(since)
  const bytes = (await wal()) - before
  await Promise.all(clients.map((own) => own.client.end()))
  return {
    connections,
    ...variant,
    appendsPerSecond: Math.round(appends / took),
    walBytesPerAppend: Math.round(bytes / appends),
  }
}

const cluster = await startPostgres({ durable: true })
const folder = await mkdtemp(join(tmpdir(), 'ringfence-events-'))
try {
  const url = await cluster.database()
  const result = { node: process.version }
  result.postgres = await text({ url }, 10)
  result.pglite = await text({ dataDir: join(folder, 'data') }, 4)
  result.statements = []
  for (const connections of [1, 4, 16]) {
    for (const notifies of [true, false]) {
      for (const indexes of [true, false]) {
        result.statements.push(await append(url, { connections, notifies, indexes }))
      }
    }
  }
  console.log(JSON.stringify(result, undefined, 1))
} finally {
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
}
