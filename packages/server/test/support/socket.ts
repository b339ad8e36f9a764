import type { IncomingMessage } from 'node:http'
import { onTestFinished } from 'vitest'
import { WebSocket, type ClientOptions } from 'ws'
import { serverFrame, type ServerFrame } from '@ringfence/server'

/** A WebSocket client that keeps its frames, each checked against the exported schema. */
export class SocketClient {
  readonly socket: WebSocket
  readonly frames: ServerFrame[] = []
  readonly closed: Promise<number>
  readonly #waiting = new Set<() => void>()

  private constructor(socket: WebSocket) {
    this.socket = socket
    this.closed = new Promise((resolve) => {
      socket.once('close', (code) => {
        resolve(code)
        for (const wake of this.#waiting) wake()
      })
    })
    socket.on('message', (data: Buffer) => {
      this.frames.push(serverFrame.parse(JSON.parse(data.toString())))
      for (const wake of this.#waiting) wake()
    })
    socket.on('error', () => undefined)
  }

  /** Resolves when the socket is open. Rejects with the status of a refusal. */
  static async open(url: string, options: ClientOptions = {}): Promise<SocketClient> {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), options)
    onTestFinished(() => socket.terminate())
    const client = new SocketClient(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve())
      socket.once('unexpected-response', (_request, response: IncomingMessage) =>
        reject(new Error(`refused with ${response.statusCode}`)),
      )
    })
    return client
  }

  send(frame: object): void {
    this.socket.send(JSON.stringify(frame))
  }

  /** The first frame that fits, now or later. Rejects when the socket closes before. */
  async frame(fits: (frame: ServerFrame) => boolean): Promise<ServerFrame> {
    for (;;) {
      const found = this.frames.find(fits)
      if (found !== undefined) return found
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error('The socket has closed')
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake)
          resolve()
        }
        this.#waiting.add(wake)
      })
    }
  }

  /** The event of this type that answers the request `id`. */
  event(id: string, type: string): Promise<ServerFrame> {
    return this.frame(
      (frame) => frame.type === 'event' && frame.id === id && frame.event.type === type,
    )
  }

  error(id?: string): Promise<ServerFrame> {
    return this.frame((frame) => frame.type === 'error' && frame.id === id)
  }
}
