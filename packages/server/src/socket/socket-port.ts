import type { WSContext } from 'hono/ws'
import type { HandlerLimits } from '../handler/limits.ts'

/** What the `ws` package's sockets can do beyond the standard. */
interface NodeSocket {
  readonly bufferedAmount: number
  send(text: string, sent?: () => void): void
  ping(): void
  terminate(): void
  on(event: 'pong', listener: () => void): void
}

/** A socket with back-pressure. */
export interface SocketPort {
  /** Returns when its reader has room for more, and undefined where there is. */
  send(frame: object): Promise<void> | undefined
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
    send(frame) {
      if (socket.readyState !== open) return undefined
      const text = JSON.stringify(frame)
      if (raw === undefined) {
        socket.send(text)
        return undefined
      }
      // A character takes three bytes at most. Where there is room whatever it takes, nobody has to be told that it has left.
      if (raw.bufferedAmount + 3 * text.length <= limits.socketBufferBytes) {
        raw.send(text)
        return undefined
      }
      const written = new Promise<void>((resolve) => raw.send(text, resolve))
      if (raw.bufferedAmount <= limits.socketBufferBytes) return undefined
      if (raw.bufferedAmount <= limits.socketOverflowBytes) return written
      socket.close(1013, 'too slow')
      // The farewell stands behind what is not read: it is given a moment, then the connection is cut.
      setTimeout(terminate, 1_000).unref()
      return undefined
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
