// Connections that stay open, and get something once a second: what each holds, and what each event costs.
import { setTimeout as sleep } from 'node:timers/promises'
import { groups } from './groups.mjs'
import { start } from './pinned.mjs'

/** `kind` is stream or socket. `heap` and `left` are bytes a connection, `cpu` microseconds an event. */
export async function measureOpen(node, kind, variant, { count, seconds }) {
  const server = await start('serve.mjs', [kind, variant, String(groups)], {
    node,
    core: 0,
    flags: ['--expose-gc'],
  })
  const clients = await start(`${kind}-clients.mjs`, [], { core: 1 })
  try {
    const { port, targets } = server.first
    // Whatever the first ones bring along for ever is none of a connection's.
    await clients.ask({ what: 'open', port, targets, count: groups })
    await sleep(1_500)
    await clients.ask({ what: 'leave' })
    await emptied(server)
    // What the runs say is kept, whoever listens, and is none of a connection's: how fast it grows while nobody does is taken off.
    const alone = await heapOf(server)
    await sleep(1_500 + seconds * 1_000)
    const before = await heapOf(server)
    // A heap that shrinks has nothing that grows.
    const growth = Math.max(0, before.heapUsed - alone.heapUsed) / (before.at - alone.at)
    await clients.ask({ what: 'open', port, targets, count })
    await sleep(1_500)
    const cpuBefore = await server.ask('cpu')
    const heard = await clients.ask({ what: 'listen', seconds })
    const cpu = (await server.ask('cpu')) - cpuBefore
    const open = await heapOf(server)
    await clients.ask({ what: 'leave' })
    await emptied(server)
    const after = await heapOf(server)
    const each = ({ heapUsed, at }) =>
      Math.round((heapUsed - before.heapUsed - growth * (at - before.at)) / count)
    return {
      heap: each(open),
      rss: Math.round((open.rss - before.rss) / count),
      cpu: Number((cpu / heard.events).toPrecision(4)),
      left: each(after),
      // Bytes a second of all runs together, taken off.
      growth: Math.round(growth * 1_000),
      core: Number((cpu / 1e6 / seconds).toFixed(2)),
      ...heard,
    }
  } finally {
    await Promise.all([server.end(), clients.end()])
  }
}

async function heapOf(server) {
  return { ...(await server.ask('heap')), at: performance.now() }
}

/** When the server has no connection any more. */
async function emptied(server) {
  for (let looks = 0; looks < 100; looks += 1) {
    const { sockets } = await server.ask('heap')
    if (sockets === 0) return
    await sleep(50)
  }
  throw new Error('The server keeps connections that their clients have left')
}
