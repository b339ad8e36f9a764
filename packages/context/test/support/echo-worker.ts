import { parentPort } from 'node:worker_threads'
import { servePort } from '../../src/ports/index.ts'
import { users } from './users.ts'

// Runs in a worker: says for whom it works, and dies when it is told to.
if (parentPort !== null) {
  servePort(parentPort, { definition: users }, async (data) => {
    if (data === 'die') process.exit(3)
    await new Promise((resolve) => setTimeout(resolve, 0))
    return `${String(data)} as ${users.current().userId}`
  })
}
