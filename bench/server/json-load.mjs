// Loads one server, with autocannon, in a process of its own: `{ port, headers, path, amount, connections }` in, what came
// of it out.
import autocannon from 'autocannon'
import { answer } from './asked.mjs'

answer(async ({ port, headers, path, amount, connections }) => {
  const before = process.cpuUsage()
  const begun = performance.now()
  let last = begun
  const running = autocannon({
    url: `http://127.0.0.1:${port}`,
    connections,
    amount,
    requests: headers.map((authorization) => ({ method: 'GET', path, headers: { authorization } })),
  })
  // It looks only once a second whether it is done: its own duration is in whole seconds.
  running.on('response', () => {
    last = performance.now()
  })
  const result = await running
  const seconds = (last - begun) / 1_000
  const { user, system } = process.cpuUsage(before)
  return {
    requests: result.requests.total,
    ok: result['2xx'],
    seconds,
    p50: result.latency.p50,
    p99: result.latency.p99,
    // Near 1 the load was what was slow, not the server.
    busy: (user + system) / 1e6 / seconds,
  }
})
