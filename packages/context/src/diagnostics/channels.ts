import type { Channel } from 'node:diagnostics_channel'
import type { ContextErrorCode } from '../errors.ts'

/** What is published on `ringfence:scope:open`, `ringfence:scope:close` and `ringfence:detach`. */
export interface ScopeMessage {
  readonly scopeId: string
  readonly label: string
  readonly parentId: string | undefined
}

/** What is published on `ringfence:violation`. */
export interface ViolationMessage {
  readonly code: ContextErrorCode
  /** The error's own message: it names scopes and never another owner. */
  readonly message: string
  readonly scopeId: string | undefined
}

/** The names of the channels of `node:diagnostics_channel`, for whoever subscribes. */
export const channelNames: {
  readonly open: 'ringfence:scope:open'
  readonly close: 'ringfence:scope:close'
  readonly detach: 'ringfence:detach'
  readonly violation: 'ringfence:violation'
} = Object.freeze({
  open: 'ringfence:scope:open',
  close: 'ringfence:scope:close',
  detach: 'ringfence:detach',
  violation: 'ringfence:violation',
})

export interface Channels {
  readonly open: Channel
  readonly close: Channel
  readonly detach: Channel
  readonly violation: Channel
}

/**
 * The channels, where the runtime has them. Asked for by name at run time: a static import would keep the
 * package from loading where only AsyncLocalStorage is offered.
 */
export function openChannels(): Channels | undefined {
  if (typeof process !== 'object' || typeof process.getBuiltinModule !== 'function')
    return undefined
  const { channel } = process.getBuiltinModule('node:diagnostics_channel') ?? {}
  if (channel === undefined) return undefined
  return {
    open: channel(channelNames.open),
    close: channel(channelNames.close),
    detach: channel(channelNames.detach),
    violation: channel(channelNames.violation),
  }
}
