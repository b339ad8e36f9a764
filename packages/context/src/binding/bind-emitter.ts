import { checkMethods } from '../internal/argument.ts'
import { takeHome } from '../internal/home.ts'
import { createBoundView } from './bound-view.ts'

/** What binding needs of an emitter: Node's EventEmitter and what is made like it. */
export interface EmitterLike {
  on(event: never, listener: never): unknown
  removeListener(event: never, listener: never): unknown
}

/**
 * The same emitter, but listeners that are added through it run in the scope that is current now (I7), are
 * removed by the original listener, and go when the scope closes. Without it a listener runs as whoever
 * emits, and a socket's as nobody. A listener that was removed, or has run once, leaves nothing in the scope.
 * Where the emitter is an event target too, as a WebSocket of ws is, the same goes for `addEventListener`.
 *
 * `removeAllListeners` through it removes what was added through it, and nobody else's. Throws `NO_SCOPE`; adding
 * a listener also `SCOPE_CLOSING`, `SCOPE_CLOSED`, and in another owner's scope `CROSS_OWNER`.
 *
 * @example
 * const messages = bind.emitter(socket)
 * messages.on('message', save)
 * messages.off('message', save)
 */
export function bindEmitter<Emitter extends EmitterLike>(emitter: Emitter): Emitter {
  checkMethods('bind.emitter()', 'emitter', emitter, ['on', 'removeListener'])
  return createBoundView(emitter, takeHome('a bound listener', 'bind an emitter', emitter))
}
