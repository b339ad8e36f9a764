// Clients of WebSockets, as many as wanted, in a process of their own. Each asks to follow a run, which only Ringfence needs.
import { WebSocket } from 'ws'
import { answer } from './asked.mjs'
import { Latencies } from './latencies.mjs'

const sockets = new Set()
const latencies = new Latencies()
let lost = 0

function open(port, { path, authorization, runId }) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { authorization } })
    socket.once('message', () => {
      sockets.add(socket)
      socket.send(JSON.stringify({ type: 'follow', id: 'f', runId }))
      socket.on('message', (data) => latencies.look(data.latin1Slice(0, data.length)))
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
    for (let begun = 0; begun < count; begun += 100) {
      const batch = Math.min(100, count - begun)
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
      socket.terminate()
    }
  },
}

answer((asked) => does[asked.what](asked))
