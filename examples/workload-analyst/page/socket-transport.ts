import { type Client, explainIssues, RequestError, UnreachableError } from './client.ts'
import { isObject, isTerminal, type JsonObject, readEvent, textAt } from './event.ts'
import { ConnectionLostError, keepTrying } from './reconnect.ts'
import type { RunListener, Transport } from './transport.ts'

const pingMs = 15_000

const openSocket = async (client: Client, signal: AbortSignal): Promise<WebSocket> => {
  const answer = await client.json('POST', '/v1/tickets', { body: { purpose: 'socket' }, signal })
  const url = new URL('/v1/ws', location.href)
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
  url.searchParams.set('ticket', textAt(answer, 'ticket'))
  return new WebSocket(url)
}

const readFrame = (data: unknown): JsonObject => {
  const frame: unknown = typeof data === 'string' ? JSON.parse(data) : undefined
  return isObject(frame) ? frame : {}
}

/** One connection: from the ticket to the terminal event, or to the connection's end. */
const converse = async (
  client: Client,
  first: () => JsonObject,
  listener: RunListener,
  signal: AbortSignal,
  opened: (socket: WebSocket) => void,
): Promise<void> => {
  const socket = await openSocket(client, signal)
  const pings = setInterval(() => send(socket, { type: 'ping' }), pingMs)
  const abort = (): void => socket.close(1000)
  let sent: string | undefined
  signal.addEventListener('abort', abort, { once: true })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('close', ({ code }) => {
        const isTooLarge = code === 1009
        reject(
          isTooLarge
            ? new RequestError(413, 'frame_too_large', 'The server takes no larger frame.')
            : new ConnectionLostError(`The socket was closed (${code}).`),
        )
      })
      socket.addEventListener('message', ({ data }) => {
        try {
          const received = readFrame(data)
          const type = textAt(received, 'type')
          if (type === 'connection_established') {
            opened(socket)
            listener.connection('live')
            const frame = first()
            sent = textAt(frame, 'id')
            send(socket, frame)
          } else if (type === 'event') {
            const event = readEvent(received['event'])
            listener.event(event)
            if (isTerminal(event)) resolve()
          } else if (type === 'error' && ['', sent].includes(textAt(received, 'id'))) {
            // An error under another id answers a cancel; the run is still to be followed.
            reject(refusal(received))
          }
        } catch (error) {
          reject(error)
        }
      })
    })
  } finally {
    signal.removeEventListener('abort', abort)
    clearInterval(pings)
    socket.close(1000)
  }
}

const refusal = (frame: JsonObject): RequestError => {
  const issues = explainIssues(frame)
  const message = `${textAt(frame, 'message')}.${issues === '' ? '' : ` ${issues}`}`
  return new RequestError(0, textAt(frame, 'code'), message)
}

const send = (socket: WebSocket, frame: JsonObject): void => {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame))
}

/** Starts and follows runs over a WebSocket, opened with a one-use ticket. */
export const createSocketTransport = (client: Client): Transport => {
  let current: WebSocket | undefined
  let frames = 0
  const nextId = (): string => `frame-${(frames += 1)}`

  return {
    async run(log, listener, signal) {
      let runId: string | undefined
      let after: number | undefined
      const heard: RunListener = {
        ...listener,
        event(event) {
          if (runId === undefined) listener.started((runId = event.runId))
          after = event.seq ?? after
          listener.event(event)
        },
      }
      const first = (): JsonObject =>
        runId === undefined
          ? { type: 'start', id: nextId(), agent: 'supervisor', input: { log } }
          : { type: 'follow', id: nextId(), runId, ...(after === undefined ? {} : { after }) }

      listener.connection('connecting')
      try {
        const attempt = async (): Promise<void> => {
          await converse(client, first, heard, signal, (socket) => {
            current = socket
          })
        }
        await keepTrying(attempt, {
          signal,
          progress: () => after,
          lost() {
            // Without its first event it is not known whether the run was started: not twice.
            if (runId === undefined) throw new UnreachableError()
            listener.connection('reconnecting')
          },
        })
      } finally {
        current = undefined
        listener.connection('closed')
      }
    },
    async cancel(runId) {
      if (current?.readyState === WebSocket.OPEN) {
        send(current, { type: 'cancel', id: nextId(), runId })
      } else {
        await client.json('POST', `/v1/runs/${encodeURIComponent(runId)}/cancel`)
      }
    },
  }
}
