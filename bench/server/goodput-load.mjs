// Starts runs and follows them to their end, at a rate or as fast as the answers come. Useful is an answer of 200 that
// has the run's result.
import autocannon from 'autocannon'
import { answer } from './asked.mjs'

answer(async ({ port, headers, path, seconds, connections, rate }) => {
  let useful = 0
  const instance = autocannon({
    url: `http://127.0.0.1:${port}`,
    connections,
    duration: seconds,
    ...(rate === undefined ? {} : { overallRate: Math.round(rate) }),
    requests: headers.map((authorization) => ({
      method: 'POST',
      path,
      headers: {
        authorization,
        accept: 'text/event-stream',
        'content-type': 'application/json',
      },
      body: '{"input":{}}',
      onResponse: (status, body) => {
        if (status === 200 && body.includes('agent_completed')) useful += 1
      },
    })),
  })
  const result = await instance
  return {
    perSecond: useful / result.duration,
    refused: result.non2xx / result.duration,
    failed: result.errors + result.timeouts,
    p50: result.latency.p50,
  }
})
