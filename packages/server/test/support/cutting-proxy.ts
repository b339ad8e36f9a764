import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** Something between a client and its server that cuts connections. */
export interface CuttingProxy {
  readonly url: string
  /** Connections that were made. */
  readonly connections: number
  /** Cuts what is open, without a farewell. */
  cut(): void
}

/** `bytes` says after how many of its answer's bytes a connection is cut, by its number from 0; undefined for never. */
export async function cuttingProxy(
  port: number,
  bytes: (connection: number) => number | undefined = () => undefined,
): Promise<CuttingProxy> {
  const open = new Set<Socket>()
  let connections = 0
  const server = createServer((client) => {
    const most = bytes(connections) ?? Infinity
    connections += 1
    const upstream = connect(port, '127.0.0.1')
    let passed = 0
    const cut = (): void => {
      upstream.destroy()
      client.resetAndDestroy()
    }
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', cut)
      socket.on('close', () => {
        open.delete(socket)
        cut()
      })
    }
    client.pipe(upstream)
    upstream.on('data', (chunk: Buffer) => {
      const left = most - passed
      passed += chunk.length
      client.write(chunk.subarray(0, left))
      if (chunk.length > left) client.end(cut)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const cut = (): void => {
    for (const socket of open) socket.resetAndDestroy()
  }
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        cut()
      }),
  )
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { port: own } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${own}`,
    get connections() {
      return connections
    },
    cut,
  }
}
