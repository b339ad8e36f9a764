import { connect, createServer, type Socket } from 'node:net'

/** Stands between a browser and a server, and cuts their connections when told to. */
export interface CuttableProxy {
  readonly url: string
  /** Cuts every connection; new ones are taken. Returns how many were cut. */
  cut(): number
  /** Cuts every connection and refuses new ones. */
  readonly close: () => Promise<void>
}

export const startCuttableProxy = async (target: string): Promise<CuttableProxy> => {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const upstream = connect(Number(port), hostname)
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      sockets.add(one)
      one.on('error', () => one.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Not listening on a port.')
  const cut = (): number => {
    const count = sockets.size / 2
    for (const socket of sockets) socket.destroy()
    return count
  }
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        cut()
      }),
  }
}
