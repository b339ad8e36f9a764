// The queue as it is, on PostgreSQL: 2,000 runs of 20 ms, 200 users in blocks of 10, one at a time each; all are queued,
// then one or two processes with 25 slots each begin. Needs PostgreSQL's programs and Node 24.
//   node bench/scheduler/measure.mjs [--rounds 2] [--users 200] [--each 10] [--seconds 140]
// Writes bench/scheduler/measured.json after each drain, and begins none after so many seconds.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '../../packages/engine/test/support/postgres-cluster.ts'
import { deploymentKeys, openNode, users } from './deployment.mjs'

const require = createRequire(new URL('../../packages/engine/package.json', import.meta.url))
const pg = require('pg')
const options = process.argv.slice(2)
const valueOf = (name, otherwise) =>
  options.includes(name) ? Number(options[options.indexOf(name) + 1]) : otherwise
const [rounds, people, each] = [
  valueOf('--rounds', 2),
  valueOf('--users', 200),
  valueOf('--each', 10),
]
const slots = 25
const ownerConcurrency = 1
const workMs = 20
const ticksPerMs = 0.1

/** Milliseconds of processor time of a process and what it has waited for. */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) / ticksPerMs, 0)
}

/** Of a server: its own, and that of every connection, ended or not. */
function serverCpu(pid) {
  let sum = cpuOf(pid)
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const parent = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1].split(' ')[1]
      if (Number(parent) === pid) sum += cpuOf(name)
    } catch {
      // It has ended just now.
    }
  }
  return sum
}

/** Milliseconds that all processors of the machine were busy with anything. */
function machineCpu() {
  const ticks = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]
    .trim()
    .split(/\s+/)
    .slice(1, 9)
    .map(Number)
  const [user, nice, system, , , irq, softIrq, steal] = ticks
  return (user + nice + system + irq + softIrq + steal) / ticksPerMs
}

const cluster = await startPostgres({ durable: true })
const keys = deploymentKeys()
const admin = new pg.Client({
  connectionString: (await cluster.database()).replace(/[^/]+$/, 'postgres'),
})
await admin.connect()
try {
  const full = await cluster.database()
  const queuedPerSecond = await fill(full)
  const drains = []
  const until = performance.now() + valueOf('--seconds', 140) * 1_000
  for (let round = 0; round < rounds; round += 1) {
    for (const [processes, order] of [
      [1, 'turns'],
      [2, 'turns'],
      [1, 'fifo'],
      [2, 'fifo'],
    ]) {
      if (performance.now() > until) continue
      drains.push(await drain(full, processes, order))
      const node = process.version
      const result = {
        node,
        people,
        each,
        slots,
        ownerConcurrency,
        workMs,
        queuedPerSecond,
        drains,
      }
      writeFileSync(
        new URL('measured.json', import.meta.url),
        `${JSON.stringify(result, undefined, 1)}\n`,
      )
    }
  }
} finally {
  await admin.end()
  await cluster.stop()
}

async function fill(url) {
  const node = await openNode({ url, keys, ownerConcurrency })
  const runs = Array.from({ length: people * each }, (_, run) => `user-${Math.floor(run / each)}`)
  const began = performance.now()
  // Sixteen at once, so that the blocks stay blocks.
  for (let run = 0; run < runs.length; run += 16) {
    await Promise.all(
      runs.slice(run, run + 16).map((userId) =>
        users.run({ userId }, async () => {
          const { result } = await node.engine.start('work', { ms: workMs })
          result.catch(() => undefined)
        }),
      ),
    )
  }
  const perSecond = runs.length / ((performance.now() - began) / 1_000)
  await node.close()
  return Math.round(perSecond)
}

/** `fifo`: the same jobs without their turns. */
async function drain(full, processes, order) {
  const name = `drain_${Date.now()}`
  await admin.query(`CREATE DATABASE ${name} TEMPLATE ${full.replace(/^.*\//, '')}`)
  const url = full.replace(/[^/]+$/, name)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  if (order === 'fifo') await client.query('UPDATE ringfence_queue.job SET priority = 0')
  await client.query('VACUUM ANALYZE')
  const workers = []
  const script = fileURLToPath(new URL('worker.mjs', import.meta.url))
  for (let number = 0; number < processes; number += 1) {
    const worker = fork(script, [JSON.stringify({ url, keys, ownerConcurrency, slots })])
    await once(worker, 'message')
    workers.push(worker)
  }
  const cpu = serverCpu(cluster.pid)
  const machine = machineCpu()
  const since = performance.now()
  const own = process.cpuUsage()
  for (const worker of workers) worker.send('work')
  const total = people * each
  for (;;) {
    const { rows } = await client.query(
      'SELECT count(*)::integer AS ended FROM ringfence.runs WHERE ended_at IS NOT NULL',
    )
    if (rows[0].ended === total) break
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  const serverMs = serverCpu(cluster.pid) - cpu
  const elapsedMs = performance.now() - since
  const busyMs = machineCpu() - machine
  const { user, system } = process.cpuUsage(own)
  const reports = await Promise.all(
    workers.map(async (worker) => {
      worker.send('report')
      return (await once(worker, 'message'))[0]
    }),
  )
  const workersMs = reports.reduce((sum, { cpuMs }) => sum + cpuMs, 0)
  const othersMs = Math.max(0, busyMs - serverMs - workersMs - (user + system) / 1_000)
  const { rows } = await client.query(
    `SELECT user_id, started_at, ended_at FROM ringfence.runs ORDER BY position`,
  )
  const { rows: updates } = await client.query(
    `SELECT n_tup_upd::integer AS updates, n_tup_hot_upd::integer AS hot FROM pg_stat_user_tables WHERE schemaname = 'ringfence' AND relname = 'runs'`,
  )
  await client.end()
  for (const worker of workers) {
    const ended = once(worker, 'exit')
    worker.kill('SIGKILL')
    await ended
  }
  return {
    processes,
    order,
    ...described(rows, total),
    serverCpuMs: Math.round(serverMs),
    // Processors that were left to the measurement: the rest of the machine was busy with others.
    coresLeft: Number((availableParallelism() - othersMs / elapsedMs).toFixed(2)),
    runsTable: updates[0],
    ...claimsOf(reports),
  }
}

function described(rows, total) {
  const runs = rows.map(({ user_id, started_at, ended_at }) => ({
    owner: user_id,
    begun: Date.parse(started_at),
    ended: Date.parse(ended_at),
  }))
  const from = Math.min(...runs.map(({ begun }) => begun))
  const ms = Math.max(...runs.map(({ ended }) => ended)) - from
  const first = new Map()
  const last = new Map()
  let outOfOrder = 0
  let most = 0
  for (const { owner, begun } of runs) {
    first.set(owner, Math.min(begun, first.get(owner) ?? Infinity))
    if (begun < (last.get(owner) ?? 0)) outOfOrder += 1
    last.set(owner, begun)
  }
  for (const owner of first.keys()) {
    const own = runs.filter((run) => run.owner === owner)
    for (const { begun } of own) {
      most = Math.max(most, own.filter((run) => run.begun <= begun && begun < run.ended).length)
    }
  }
  return {
    drainMs: ms,
    runsPerSecond: Math.round(total / (ms / 1_000)),
    spreadMs: Math.max(...first.values()) - from,
    mostOfOneOwner: most,
    outOfOrder,
  }
}

function claimsOf(reports) {
  const claims = reports.flatMap((report) => report.claims)
  const middle = (values) =>
    Number(
      (values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0).toFixed(2),
    )
  return {
    workerCpuMs: reports.map(({ cpuMs }) => Math.round(cpuMs)),
    claims: claims.length,
    claimWaitMs: middle(claims.map(([wait]) => wait)),
    claimHoldMs: middle(claims.map(([, hold]) => hold)),
    // Of one process, in their order: how long the lock was held, and how many runs were taken.
    ...(reports.length === 1
      ? { holds: claims.map(([, hold, taken]) => `${hold.toFixed(1)}/${taken}`).join(' ') }
      : {}),
  }
}
