import { chatProtocol } from '../chat/chat-protocol.ts'
import type { Answer, Call, OwnedRoute } from '../handler/route.ts'
import { logFailure } from '../handler/exchange.ts'
import { isHttp2 } from '../identity/peer.ts'
import { Problem } from '../problems/problem.ts'
import { draining } from '../problems/to-problem.ts'
import { nativeProtocol } from '../socket/native-protocol.ts'
import { SocketConnection } from '../socket/socket-connection.ts'
import type { SocketProtocol } from '../socket/socket-protocol.ts'

const refusals = [
  'upgrade_required',
  'invalid_handshake',
  'socket_not_supported',
  'too_many_sockets',
  'draining',
] as const

/** The same runs over a WebSocket, several at once. */
export const openSocket: OwnedRoute = {
  method: 'GET',
  path: '/v1/ws',
  contract: {
    summary: 'The same runs over a WebSocket.',
    answers: { 101: { description: 'The socket is open.' } },
    problems: refusals,
  },
  action: 'socket.open',
  ticket: 'socket',
  handle: (call) => open(call, nativeProtocol),
}

/** Chats over a WebSocket, several at once, for the AI SDK's `WebSocketChatTransport`. */
export const openChatSocket: OwnedRoute = {
  method: 'GET',
  path: '/v1/chat/ws',
  contract: {
    summary: "Chats over a WebSocket, for the AI SDK's `WebSocketChatTransport`.",
    answers: { 101: { description: 'The socket is open.' } },
    problems: refusals,
  },
  action: 'socket.open',
  ticket: 'socket',
  handle: (call) => open(call, chatProtocol),
}

async function open(call: Call, protocol: SocketProtocol): Promise<Answer> {
  const { core, hono, exchange, owner } = call
  if (hono.req.header('upgrade')?.toLowerCase() !== 'websocket') {
    throw new Problem('upgrade_required', {
      headers: isHttp2(hono.env) ? {} : { upgrade: 'websocket', connection: 'upgrade' },
    })
  }
  if (core.draining) throw draining()
  if (core.upgradeWebSocket === undefined) throw new Problem('socket_not_supported')
  const leave = core.admission.hold(owner, 'socket')
  const connection = new SocketConnection(call, protocol)
  void connection.ended.then(leave)
  try {
    const response = await core.upgradeWebSocket(hono, connection.events, {
      onError: (error) => logFailure(core, exchange, error),
    })
    return { response, ended: connection.ended }
  } catch (error) {
    connection.end(1006)
    throw error
  }
}
