// Readers of server-sent events, as many as wanted, in a process of their own: plain sockets that look at what arrives for
// when it was said, and do nothing else.
import { connect } from 'node:net'
import { answer } from './asked.mjs'
import { Latencies } from './latencies.mjs'

const sockets = new Set()
const latencies = new Latencies()
let lost = 0

function open(port, { path, authorization }) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.setEncoding('latin1')
    socket.write(
      `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: text/event-stream\r\nauthorization: ${authorization}\r\n\r\n`,
    )
    socket.once('data', (head) => {
      if (!head.startsWith('HTTP/1.1 200')) return reject(new Error(head))
      sockets.add(socket)
      latencies.look(head)
      socket.on('data', (text) => latencies.look(text))
      socket.on('close', () => {
        if (sockets.delete(socket)) lost += 1
      })
      resolve()
    })
    socket.on('error', reject)
  })
}

const does = {
  async open({ port, targets, count }) {
    for (let begun = 0; begun < count; begun += 200) {
      const batch = Math.min(200, count - begun)
      await Promise.all(
        Array.from({ length: batch }, (_, at) =>
          open(port, targets[(begun + at) % targets.length]),
        ),
      )
    }
    return sockets.size
  },
  async listen({ seconds }) {
    return { ...(await latencies.during(seconds)), lost }
  },
  async leave() {
    for (const socket of sockets) {
      sockets.delete(socket)
      socket.destroy()
    }
  },
}

answer((asked) => does[asked.what](asked))
