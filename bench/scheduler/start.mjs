// How long two processes of pg-boss alone take, told at once, from `start()` to their first jobs fetched:
// 2,000 jobs of 200 groups wait. Needs PostgreSQL's programs and Node 24. Writes bench/scheduler/start.json.
//   node bench/scheduler/start.mjs [--rounds 7]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const require = createRequire(new URL('../../packages/engine/package.json', import.meta.url))
const { PgBoss } = require('pg-boss')
const queue = 'jobs'

if (process.send === undefined) await measure()
else await beWorker(process.argv[2])

async function measure() {
  const at = process.argv.indexOf('--rounds')
  const rounds = at === -1 ? 7 : Number(process.argv[at + 1])
  const { startPostgres } = await import('../../packages/engine/test/support/postgres-cluster.ts')
  const cluster = await startPostgres({ durable: true })
  try {
    const url = await cluster.database()
    const boss = new PgBoss(url)
    await boss.start()
    await boss.createQueue(queue)
    const jobs = Array.from({ length: 2_000 }, (_, job) => ({
      group: { id: `user-${Math.floor(job / 10)}` },
      priority: -(job % 10),
    }))
    await boss.insert(queue, jobs)
    await boss.stop()
    const ms = []
    for (let round = 0; round < rounds; round += 1) ms.push(...(await bothStart(url)))
    ms.sort((one, other) => one - other)
    const startMs = Math.round(ms[Math.floor(ms.length / 2)])
    const said = { node: process.version, startMs, all: ms.map(Math.round) }
    writeFileSync(new URL('start.json', import.meta.url), `${JSON.stringify(said, undefined, 1)}\n`)
    console.log(said)
  } finally {
    await cluster.stop()
  }
}

async function bothStart(url) {
  const workers = [0, 1].map(() => fork(fileURLToPath(import.meta.url), [url]))
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  const told = workers.map(async (worker) => {
    worker.send('start')
    const [ms] = await once(worker, 'message')
    return ms
  })
  const ms = await Promise.all(told)
  await Promise.all(workers.map((worker) => (worker.disconnect(), once(worker, 'exit'))))
  return ms
}

async function beWorker(url) {
  process.send('ready')
  await once(process, 'message')
  const since = performance.now()
  const boss = new PgBoss(url)
  await boss.start()
  const jobs = await boss.fetch(queue, { batchSize: 25 })
  if (jobs.length === 0) throw new Error('Nothing was fetched.')
  process.send(performance.now() - since)
  await once(process, 'disconnect')
  process.exit()
}
