import type { WSContext } from 'hono/ws'
import type { HandlerLimits } from '../handler/limits.ts'

/** What the `ws` package's sockets can do beyond the standard. */
interface NodeSocket {
  readonly bufferedAmount: number
  send(text: string, sent: () => void): void
  ping(): void
  terminate(): void
  on(event: 'pong', listener: () => void): void
}

/** A socket with back-pressure: `send` resolves when its reader has room for more. */
export interface SocketPort {
  send(frame: object): Promise<void>
  close(code: number, reason: string): void
  /** Asks for a sign of life. False where the runtime keeps sockets alive itself. */
  ping(onPong: () => void): boolean
  /** Cuts the connection without a farewell. */
  terminate(): void
}

const open = 1

export function openPort(socket: WSContext, limits: HandlerLimits): SocketPort {
  const raw = isNodeSocket(socket.raw) ? socket.raw : undefined
  let onPong: (() => void) | undefined

  const terminate = (): void => {
    if (raw === undefined) socket.close(1001)
    else raw.terminate()
  }

  return {
    async send(frame) {
      if (socket.readyState !== open) return
      const text = JSON.stringify(frame)
      if (raw === undefined) return socket.send(text)
      let sent: () => void = () => undefined
      const written = new Promise<void>((resolve) => {
        sent = resolve
      })
      raw.send(text, () => sent())
      if (raw.bufferedAmount > limits.socketOverflowBytes) {
        socket.close(1013, 'too slow')
        // The farewell stands behind what is not read: it is given a moment, then the connection is cut.
        setTimeout(terminate, 1_000).unref()
      } else if (raw.bufferedAmount > limits.socketBufferBytes) {
        await written
      }
    },
    close: (code, reason) => socket.close(code, reason),
    ping(heard) {
      if (raw === undefined) return false
      if (onPong === undefined) raw.on('pong', () => onPong?.())
      onPong = heard
      raw.ping()
      return true
    },
    terminate,
  }
}

function isNodeSocket(value: unknown): value is NodeSocket {
  return (
    typeof value === 'object' &&
    value !== null &&
    'terminate' in value &&
    typeof value.terminate === 'function' &&
    'ping' in value &&
    typeof value.ping === 'function'
  )
}
