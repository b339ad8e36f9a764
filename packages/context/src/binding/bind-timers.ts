import { checkDuration, checkFunction } from '../internal/argument.ts'
import { takeHome } from '../internal/home.ts'
import { longestTimerMs, startTimer } from '../internal/timer.ts'
import { untilClose } from '../internal/until-close.ts'

/**
 * Calls `callback` once after `ms` milliseconds, in the scope that is current now. Never after the scope has
 * closed: closing clears it. Returns how to clear it before. What has fired or was cleared leaves nothing in the
 * scope, however long that lives. Throws `NO_SCOPE`, `SCOPE_CLOSING`.
 */
export function bindTimeout(callback: () => void, ms: number): () => void {
  checkFunction('bind.timeout()', 'callback', callback)
  checkDuration('bind.timeout()', 'ms', ms)
  const work = callback.name === '' ? 'a bound timeout' : callback.name
  const home = takeHome(work, 'bind a timeout', callback)
  const forget = untilClose('bind a timeout', () => stop())
  const stop = startTimer(ms, () => {
    forget()
    home.enter(`call "${work}"`, callback)
  })
  return () => {
    forget()
    stop()
  }
}

/**
 * Calls `callback` every `ms` milliseconds, in the scope that is current now, until it is stopped or the scope
 * closes. A plain interval runs as its first user for ever. Returns how to stop it. Throws `NO_SCOPE`,
 * `SCOPE_CLOSING`.
 */
export function bindInterval(callback: () => void, ms: number): () => void {
  checkFunction('bind.interval()', 'callback', callback)
  checkDuration('bind.interval()', 'ms', ms, longestTimerMs)
  const work = callback.name === '' ? 'a bound interval' : callback.name
  const home = takeHome(work, 'bind an interval', callback)
  const forget = untilClose('bind an interval', () => clearInterval(timer))
  const timer = setInterval(() => home.enter(`call "${work}"`, callback), ms)
  return () => {
    forget()
    clearInterval(timer)
  }
}
