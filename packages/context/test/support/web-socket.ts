import type { RawData } from 'ws'

/** One end of a socket. */
export interface SocketEnd {
  send(text: string): void
  onMessage(handler: (text: string) => void): void
  onClose(handler: () => void): void
}

export interface SocketPair {
  readonly client: SocketEnd
  /** Closes both ends, and waits for what that takes. */
  close(): Promise<void>
}

interface PlatformPair {
  readonly 0: WebSocket & { accept(): void }
  readonly 1: WebSocket & { accept(): void }
}

/** A real connection, on this runtime. `accept` gets the server's end, in the context of whoever calls this. */
export async function connect(accept: (server: SocketEnd) => void): Promise<SocketPair> {
  const Pair: unknown = Reflect.get(globalThis, 'WebSocketPair')
  if (typeof Pair !== 'function') return connectOverTcp(accept)
  // workerd's pair is one connection without a network.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const pair = Reflect.construct(Pair, []) as PlatformPair
  for (const end of [pair[0], pair[1]]) end.accept()
  const server = endOf(pair[1])
  accept(server)
  server.onClose(() => pair[1].close())
  const closed = new Promise<void>((resolve) => endOf(pair[0]).onClose(resolve))
  return {
    client: endOf(pair[0]),
    close: async () => {
      pair[0].close()
      await closed
    },
  }
}

function endOf(socket: WebSocket): SocketEnd {
  return {
    send: (text) => socket.send(text),
    onMessage: (handler) =>
      socket.addEventListener('message', (event: MessageEvent) => handler(String(event.data))),
    onClose: (handler) => socket.addEventListener('close', () => handler()),
  }
}

function textOf(data: RawData): string {
  if (data instanceof Uint8Array) return data.toString()
  throw new Error('expected a message in one piece')
}

async function connectOverTcp(accept: (server: SocketEnd) => void): Promise<SocketPair> {
  const { WebSocketServer, WebSocket: Client } = await import('ws')
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await new Promise((resolve, reject) => server.on('listening', resolve).on('error', reject))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the server has no port')
  // In the caller's context, as a framework's own upgrade hook would hand the socket over.
  const { AsyncResource } = await import('node:async_hooks')
  const here = new AsyncResource('accept')
  const accepted = new Promise<void>((resolve) => {
    server.on('connection', (socket) => {
      here.runInAsyncScope(accept, undefined, {
        send: (text) => socket.send(text),
        onMessage: (handler) => void socket.on('message', (data) => handler(textOf(data))),
        onClose: (handler) => void socket.on('close', () => handler()),
      } satisfies SocketEnd)
      resolve()
    })
  })
  const client = new Client(`ws://127.0.0.1:${address.port}`)
  await new Promise((resolve, reject) => client.on('open', resolve).on('error', reject))
  await accepted
  return {
    client: {
      send: (text) => client.send(text),
      onMessage: (handler) => void client.on('message', (data) => handler(textOf(data))),
      onClose: (handler) => void client.on('close', () => handler()),
    },
    close: async () => {
      const closed = new Promise((resolve) => client.on('close', resolve))
      client.close()
      await closed
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
