import { checkSignal } from '../internal/argument.ts'
import { takeHome } from '../internal/home.ts'
import { untilClose } from '../internal/until-close.ts'

/**
 * A signal that aborts when `signal` does, with the same reason, but whose listeners run in the scope that is
 * current now: those of a plain signal run as whoever aborts (I7). Let go of when it has aborted and when the scope
 * closes: nothing is left on `signal`, however long that lives. Throws `NO_SCOPE`, `SCOPE_CLOSING`.
 */
export function bindSignal(signal: AbortSignal): AbortSignal {
  checkSignal('bind.signal()', 'signal', signal)
  const home = takeHome('a bound signal', 'bind a signal', signal)
  const controller = new AbortController()
  if (signal.aborted) {
    controller.abort(signal.reason)
    return controller.signal
  }
  const forget = untilClose('bind a signal', () => signal.removeEventListener('abort', abort))
  const abort = (): void => {
    forget()
    home.enter('abort a bound signal', () => controller.abort(signal.reason))
  }
  signal.addEventListener('abort', abort, { once: true })
  return controller.signal
}
