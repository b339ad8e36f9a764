// Clients that leave, that are slow, and that are too many.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile } from '../context/statistics.mjs'
import { start } from './pinned.mjs'

const served = (node, variant) =>
  start('serve.mjs', ['work', variant], { node, core: 0, flags: ['--expose-gc'] })

const request = (port, authorization, { method = 'GET', path, body = '', accept = '*/*' }) =>
  [
    `${method} ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    `authorization: ${authorization}`,
    `accept: ${accept}`,
    ...(body === '' ? [] : ['content-type: application/json', `content-length: ${body.length}`]),
    '',
    body,
  ].join('\r\n')

/** A socket that has been written to, when `until` has come back. */
function spoken(port, text, until) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let heard = ''
    socket.setEncoding('latin1')
    socket.on('error', reject)
    socket.on('data', (data) => {
      heard += data
      if (heard.includes(until)) resolve(socket)
      else if (/^HTTP\/1.1 [45]/.test(heard)) reject(new Error(heard))
    })
    socket.write(text)
  })
}

/** Milliseconds from when a client cuts its connection until the tool that works for it is told to stop. */
export async function measureDisconnect(node, variant, { count }) {
  const server = await served(node, `disconnect: ${variant}`)
  try {
    const { port, headers } = server.first
    const waits = []
    for (let turn = 0; turn < count + 20; turn += 1) {
      const socket = await spoken(
        port,
        request(port, headers[turn % headers.length], {
          method: 'POST',
          path: '/v1/agents/waiting/runs',
          body: '{"input":{},"onDisconnect":"cancel"}',
          accept: 'text/event-stream',
        }),
        'tool_executing',
      )
      // A tool may begin a moment after it is told of.
      await sleep(5)
      const left = process.hrtime.bigint()
      socket.destroy()
      let aborted = []
      while (aborted.length === 0) {
        await sleep(1)
        aborted = (await server.ask('told')).aborted
      }
      if (turn >= 20) waits.push(Number(BigInt(aborted[0]) - left) / 1e6)
    }
    return {
      p50: Number(quantile(waits, 0.5).toFixed(3)),
      p99: Number(quantile(waits, 0.99).toFixed(3)),
    }
  } finally {
    await server.end()
  }
}

/** Sockets that send a header a byte at a time: seconds until the last of them is cut, beyond the timeout for headers. */
export async function measureSlowloris(node, { count, timeoutMs }) {
  const server = await served(node, 'defaults')
  try {
    const { port, headers } = server.first
    const ends = await Promise.all(
      Array.from({ length: count }, () => {
        const begun = performance.now()
        const socket = connect(port, '127.0.0.1')
        socket.on('error', () => undefined)
        socket.resume()
        socket.write('GET /v1/agents HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ')
        const dripping = setInterval(() => socket.write('a'), 500)
        return new Promise((resolve) => {
          socket.on('close', () => {
            clearInterval(dripping)
            resolve(performance.now() - begun)
          })
        })
      }),
    )
    const answer = await fetch(`http://127.0.0.1:${port}/v1/agents`, {
      headers: { authorization: headers[0] },
    })
    if (answer.status !== 200) throw new Error(`Others were answered ${answer.status}`)
    return { over: Number(((quantile(ends, 1) - timeoutMs) / 1_000).toFixed(3)), cut: ends.length }
  } finally {
    await server.end()
  }
}

/** What requests leave behind that are cut off: bytes each, and open sockets. Every other one is a stream. */
export async function measureAborted(node, { count }) {
  const server = await served(node, 'disconnect: ringfence')
  try {
    const { port, headers } = server.first
    const cutOff = async (requests) => {
      for (let begun = 0; begun < requests; begun += 100) {
        await Promise.all(
          Array.from({ length: 100 }, (_, at) => cut(port, headers[at % headers.length], at)),
        )
      }
      for (let looks = 0; (await server.ask('heap')).sockets > 0; looks += 1) {
        if (looks > 100) break
        await sleep(50)
      }
      return server.ask('heap')
    }
    // Compiled, and with as many runs in memory as are kept.
    await cutOff(count / 2)
    const before = await cutOff(count / 2)
    const after = await cutOff(count)
    return {
      bytes: Number(((after.heapUsed - before.heapUsed) / count).toFixed(1)),
      sockets: after.sockets,
      growth: Number((after.heapUsed / before.heapUsed - 1).toFixed(4)),
    }
  } finally {
    await server.end()
  }
}

function cut(port, authorization, at) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.on('close', resolve)
    const asked =
      at % 2 === 0
        ? { path: '/v1/agents' }
        : {
            method: 'POST',
            path: '/v1/agents/waiting/runs',
            body: '{"input":{},"onDisconnect":"cancel"}',
            accept: 'text/event-stream',
          }
    socket.write(request(port, authorization, asked), () => {
      if (at % 4 < 2) socket.destroy()
      else setTimeout(() => socket.destroy(), at % 10)
    })
  })
}
