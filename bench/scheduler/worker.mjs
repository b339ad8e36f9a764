// A worker of the measured queue. Says what its claims took, and what processor time it used.
import { openNode } from './deployment.mjs'

const { slots, ...options } = JSON.parse(process.argv[2])
const node = await openNode(options)
const claims = []
watchClaims(node.store.parts.database)
const before = { cpu: undefined }

process.on('message', (order) => {
  if (order === 'work') {
    before.cpu = process.cpuUsage()
    node.queue.work(node.engine, { concurrency: slots })
  }
  if (order === 'stop') void node.close().then(() => process.disconnect())
  if (order === 'report') {
    const { user, system } = process.cpuUsage(before.cpu)
    process.send({ cpuMs: (user + system) / 1_000, claims })
  }
})
process.send('ready')

/** Milliseconds that each claim waited for the lock, and held it, and how many runs it took. */
function watchClaims(database) {
  const transaction = database.queueTransaction
  database.queueTransaction = async (work) => {
    const asked = performance.now()
    let locked = asked
    const taken = await transaction(async (connection) =>
      work({
        executeSql: async (text, values) => {
          const result = await connection.executeSql(text, values)
          if (text.includes('ringfence.claim')) locked = performance.now()
          return result
        },
      }),
    )
    claims.push([locked - asked, performance.now() - locked, taken.length])
    return taken
  }
}
