import { checkMethods } from '../internal/argument.ts'
import { takeHome } from '../internal/home.ts'
import { createBoundView } from './bound-view.ts'

/**
 * The same target, but listeners that are added through it run in the scope that is current now (I7), are
 * removed by the original listener, and go when the scope closes. Without it a listener runs as whoever
 * dispatches: an `abort` listener as whoever aborts. A listener that was removed, or has run once, leaves nothing
 * in the scope. The same goes for a handler that is set as a property, such as `onabort`, and for `on` and its
 * kin where the target has them, as a MessagePort of Node does.
 *
 * Listeners that were added to the target itself are not touched. Throws `NO_SCOPE`; adding a listener also
 * `SCOPE_CLOSING`, `SCOPE_CLOSED`, and in another owner's scope `CROSS_OWNER`.
 */
export function bindEventTarget<Target extends EventTarget>(target: Target): Target {
  checkMethods('bind.eventTarget()', 'target', target, ['addEventListener', 'removeEventListener'])
  return createBoundView(target, takeHome('a bound listener', 'bind an event target', target))
}
