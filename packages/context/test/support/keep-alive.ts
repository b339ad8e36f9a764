import type { IncomingMessage, Server } from 'node:http'

/**
 * Serves two requests on one kept-alive connection of a real server, one after the other. Returns what the second
 * handler answers.
 */
export async function serveTwo(first: () => unknown, second: () => unknown): Promise<unknown> {
  const { Agent, createServer, get } = await import('node:http')
  const sockets = new Set<number | undefined>()
  let answer: unknown
  let served = 0
  const failures: unknown[] = []
  const handle = async (): Promise<void> => {
    served += 1
    if (served === 1) await first()
    else answer = await second()
  }
  const server = createServer((request, response) => {
    sockets.add(request.socket.remotePort)
    // Not after an await: what the handler enters, it enters for the connection.
    handle()
      .catch((error: unknown) => {
        failures.push(error)
      })
      .finally(() => response.end('done'))
  })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  try {
    const port = await listen(server)
    for (let request = 0; request < 2; request += 1) {
      await new Promise<void>((resolve, reject) => {
        get({ port, host: '127.0.0.1', agent }, (response: IncomingMessage) => {
          response.resume().on('end', resolve)
        }).on('error', reject)
      })
    }
  } finally {
    agent.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  if (failures.length > 0) throw new AggregateError(failures, 'a handler failed')
  if (served !== 2 || sockets.size !== 1) {
    throw new Error(`${served} requests came on ${sockets.size} connections`)
  }
  return answer
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on('error', reject).listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (typeof address === 'object' && address !== null) resolve(address.port)
    })
  })
}
