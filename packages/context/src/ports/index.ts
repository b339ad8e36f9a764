export {
  bindPort,
  type BindPortOptions,
  type BoundPort,
  type PortRequestOptions,
} from './bind-port.ts'
export { servePort, type OpenEnvelope, type ServePortOptions } from './serve-port.ts'
export { PortError, type PortErrorCode } from './port-error.ts'
export type { PortLike } from './port-like.ts'
