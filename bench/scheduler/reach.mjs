// How long it takes until what happens in one process reaches the tool of a run in another: a cancel, with its
// notification and without; a deadline that came with the run; and the shutdown of the process that executes it.
// Needs PostgreSQL's programs and Node 24. Writes bench/scheduler/reach.json.
//   node bench/scheduler/reach.mjs [--runs 60]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '../../packages/engine/test/support/postgres-cluster.ts'
import { deploymentKeys, monotonic, openNode, users } from './deployment.mjs'

const require = createRequire(new URL('../../packages/engine/package.json', import.meta.url))
const pg = require('pg')
const given = process.argv.indexOf('--runs')
const runs = given === -1 ? 60 : Number(process.argv[given + 1])
const slots = 30
const ownerConcurrency = slots
const reports = new Map()
const asked = new Map()

const cluster = await startPostgres({ durable: true })
const keys = deploymentKeys()
const url = await cluster.database()
const node = await openNode({ url, keys, ownerConcurrency })
const client = new pg.Client({ connectionString: url })
await client.connect()
const workers = []
try {
  await newWorker()
  const cancelled = await oneByOne('cancel', (runId) => node.engine.cancel(runId))
  const unheard = await oneByOne('unheard', (runId) =>
    client.query(`UPDATE ringfence.runs SET cancel_reason = 'caller' WHERE run_id = $1`, [runId]),
  )
  const late = await deadlines()
  const moved = await shutdowns()
  const { rows } = await client.query('SHOW server_version')
  const result = {
    node: process.version,
    postgres: rows[0].server_version.split(' ')[0],
    'a cancel in another process': described(cancelled),
    'the same, its notification lost': described(unheard),
    'a deadline that another process set': described(late),
    'a shutdown: begun again in another process': described(moved),
  }
  const text = `${JSON.stringify(result, undefined, 1)}\n`
  writeFileSync(new URL('reach.json', import.meta.url), text)
  process.stdout.write(text)
} finally {
  for (const worker of workers) worker.kill('SIGKILL')
  await client.end()
  await node.close()
  await cluster.stop()
}

async function newWorker() {
  const script = fileURLToPath(new URL('worker.mjs', import.meta.url))
  const worker = fork(script, [JSON.stringify({ url, keys, ownerConcurrency, slots })])
  workers.push(worker)
  await once(worker, 'message')
  worker.on('message', (report) => {
    const key = `${report.mark} ${report.step}`
    if (!asked.has(key)) reports.set(key, report)
    else asked.get(key)(report)
    asked.delete(key)
  })
  worker.send('work')
  return worker
}

/** When the tool of a run said so. */
function told(mark, step) {
  const key = `${mark} ${step}`
  const report = reports.get(key)
  reports.delete(key)
  return report ?? new Promise((resolve) => asked.set(key, resolve))
}

/** Starts a run whose tool holds. Resolves with its id when the tool has begun. */
async function held(mark, by = node) {
  const { runId, result } = await by.engine.start('hold', { mark })
  result.catch(() => undefined)
  return { runId, begun: told(mark, 'begun') }
}

async function oneByOne(name, end) {
  const took = []
  for (let run = 0; run < runs; run += 1) {
    await users.run({ userId: `user-${run}` }, async () => {
      const mark = `${name} ${run}`
      const { runId, begun } = await held(mark)
      await begun
      // Not always at the same moment between two looks.
      await new Promise((resolve) => setTimeout(resolve, (run * 37) % 500))
      const since = monotonic()
      const done = end(runId)
      took.push((await told(mark, 'aborted')).at - since)
      await done
    })
  }
  return took
}

async function deadlines() {
  const hurried = await openNode({ url, keys, ownerConcurrency, lifetimeMs: 5_000 })
  const took = []
  const together = 10
  for (let run = 0; run < runs; run += together) {
    const marks = Array.from({ length: together }, (_, each) => `late ${run + each}`)
    await Promise.all(
      marks.map((userId) =>
        users.run({ userId }, async () => {
          const { runId, begun } = await held(userId, hurried)
          await begun
          const [row] = await node.store.parts.database.script((query) => query(deadlineOf(runId)))
          took.push((await told(userId, 'aborted')).on - row.at)
        }),
      ),
    )
  }
  await hurried.close()
  return took
}

function deadlineOf(runId) {
  return `SELECT (job::json ->> 'deadline')::float8 AS at FROM ringfence.runs WHERE run_id = '${runId}'`
}

/** The runs of a process go on in the next one, again and again. */
async function shutdowns() {
  const marks = Array.from({ length: slots }, (_, run) => `moved ${run}`)
  await Promise.all(
    marks.map((userId) => users.run({ userId }, async () => (await held(userId)).begun)),
  )
  const took = []
  while (took.length < runs) {
    const old = workers.at(-1)
    await newWorker()
    const since = monotonic()
    old.send('stop')
    const begun = await Promise.all(marks.map((mark) => told(mark, 'begun')))
    took.push(...begun.map(({ at }) => at - since))
    for (const mark of marks) await told(mark, 'aborted')
  }
  return took
}

function described(took) {
  const sorted = took.toSorted((one, other) => one - other)
  const at = (share) => Math.round(sorted[Math.ceil(sorted.length * share) - 1] * 10) / 10
  return { runs: sorted.length, p50: at(0.5), p95: at(0.95), max: at(1) }
}
