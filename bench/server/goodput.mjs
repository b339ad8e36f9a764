// Five times as many requests as a server can answer: what it still answers, of what it could alone.
import { start } from './pinned.mjs'

const path = '/v1/agents/computing/runs'

export async function measureGoodput(node, { seconds }) {
  const server = await start('serve.mjs', ['work', 'unlimited'], {
    node,
    core: 0,
    flags: ['--expose-gc'],
  })
  const client = await start('goodput-load.mjs', [], { core: 1 })
  try {
    const { port, headers } = server.first
    const load = { port, headers, path }
    await client.ask({ ...load, seconds: 2, connections: 8 })
    const capacity = await client.ask({ ...load, seconds, connections: 8 })
    const rate = 5 * capacity.perSecond
    const flooded = await client.ask({ ...load, seconds: 2 * seconds, connections: 400, rate })
    return {
      kept: Number((flooded.perSecond / capacity.perSecond).toFixed(3)),
      capacity: Math.round(capacity.perSecond),
      answered: Math.round(flooded.perSecond),
      refused: Math.round(flooded.refused),
      p50: flooded.p50,
      failed: flooded.failed,
    }
  } finally {
    await Promise.all([server.end(), client.end()])
  }
}
