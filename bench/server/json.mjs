// Requests to a route that answers in JSON: CPU time of the server for each, and how many a second.
import { start } from './pinned.mjs'

const load = { path: '/v1/agents', connections: 32 }
/** Requests until it is compiled, as a server is that has run for a while, and requests that count. */
const warmUp = 30_000
const measured = 10_000

export async function measureJson(node, variant) {
  const server = await start('serve.mjs', ['json', variant], {
    node,
    core: 0,
    flags: ['--expose-gc'],
  })
  const client = await start('json-load.mjs', [], { core: 1 })
  try {
    const { port, headers } = server.first
    await answers(port, headers[0])
    await client.ask({ ...load, port, headers, amount: warmUp })
    const before = await server.ask('cpu')
    const told = await client.ask({ ...load, port, headers, amount: measured })
    const cpu = (await server.ask('cpu')) - before
    if (told.ok !== told.requests) throw new Error(`${variant}: ${JSON.stringify(told)}`)
    return {
      cpu: Number((cpu / told.requests).toPrecision(5)),
      perSecond: Math.round(told.requests / told.seconds),
      p99: told.p99,
      busy: Number(told.busy.toFixed(2)),
    }
  } finally {
    await Promise.all([server.end(), client.end()])
  }
}

let expected
/** All servers must answer the same. */
async function answers(port, authorization) {
  const answer = await fetch(`http://127.0.0.1:${port}${load.path}`, { headers: { authorization } })
  const text = await answer.text()
  expected ??= text
  if (answer.status !== 200 || text !== expected) throw new Error(`Answered: ${text}`)
}
