// One server in a process of its own; the process that started it may ask how it is.
//   node --expose-gc serve.mjs <kind> <variant>, with an IPC channel
import { setTimeout as sleep } from 'node:timers/promises'
import { told } from './agent.mjs'
import { answer } from './asked.mjs'
import { credentials } from './users.mjs'

const [kind, variant, count] = process.argv.slice(2)
const kinds = {
  json: async () => (await import('./json-servers.mjs')).jsonServers,
  stream: async () => (await import('./stream-servers.mjs')).streamServers,
  socket: async () => (await import('./socket-servers.mjs')).socketServers,
  work: async () => (await import('./work-servers.mjs')).workServers,
}
const users = await credentials(
  count === undefined ? undefined : Array.from({ length: Number(count) }, (_, at) => `user-${at}`),
)
const servers = await kinds[kind]()
const answers = {
  async cpu() {
    const { user, system } = process.cpuUsage()
    return user + system
  },
  async heap() {
    for (let round = 0; round < 6; round += 1) {
      globalThis.gc()
      await sleep(10)
    }
    const { heapUsed, external, rss } = process.memoryUsage()
    return { heapUsed, external, rss, sockets: handles('TCPSocketWrap') }
  },
  async told() {
    return { events: told.events, ...told.more?.() }
  },
}

/** Open sockets of this process: those of clients. */
function handles(name) {
  return process.getActiveResourcesInfo().filter((resource) => resource === name).length
}

const served = await servers[variant](new Map(users.map((user) => [user.header, user])), users)
answer((question) => answers[question](), {
  headers: users.map(({ header }) => header),
  ...(typeof served === 'number' ? { port: served } : served),
})
