import { currentScope } from '../scope/current-scope.ts'
import { bindCallback } from './bind-callback.ts'

/**
 * A signal that aborts when `signal` does, with the same reason, but whose listeners run in the scope that is
 * current now: those of a plain signal run as whoever aborts (I7). Let go of when the scope closes: nothing is
 * left on `signal`, however long that lives. Throws `NO_SCOPE`.
 */
export function bindSignal(signal: AbortSignal): AbortSignal {
  const scope = currentScope()
  const controller = new AbortController()
  if (signal.aborted) {
    controller.abort(signal.reason)
    return controller.signal
  }
  const abort = bindCallback(() => controller.abort(signal.reason))
  signal.addEventListener('abort', abort, { once: true })
  scope.defer(() => signal.removeEventListener('abort', abort))
  return controller.signal
}
