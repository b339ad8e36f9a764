import { checkFits } from '../body/check-fits.ts'
import { clientFrame } from './frames.ts'
import { perform } from './perform.ts'
import type { SocketProtocol } from './socket-protocol.ts'

/** The frames of `/v1/ws`: see `frames.ts`. */
export const nativeProtocol: SocketProtocol = {
  greeting: (connectionId) => ({ type: 'connection_established', connectionId }),
  idOf(value) {
    if (typeof value !== 'object' || value === null || !('id' in value)) return undefined
    return typeof value.id === 'string' && value.id.length <= 64 ? value.id : undefined
  },
  read(value) {
    const frame = checkFits(clientFrame, value)
    if (frame.type === 'ping') return { reply: { type: 'pong', id: frame.id } }
    return {
      id: frame.id,
      label: `socket ${frame.type}`,
      startsRun: frame.type === 'start',
      perform: (call, port, signal) => perform(call, frame, port, signal),
    }
  },
  refusal: (id, { code, message, errors }) => ({ type: 'error', id, code, message, errors }),
}
