import { currentScope } from '../scope/current-scope.ts'
import { bindCallback } from './bind-callback.ts'

/**
 * Calls `callback` once after `ms` milliseconds, in the scope that is current now. Never after the scope has
 * closed: closing clears it. Returns how to clear it before. Throws `NO_SCOPE`.
 */
export function bindTimeout(callback: () => void, ms: number): () => void {
  const scope = currentScope()
  const timer = setTimeout(bindCallback(callback), ms)
  const clear = (): void => clearTimeout(timer)
  scope.defer(clear)
  return clear
}

/**
 * Calls `callback` every `ms` milliseconds, in the scope that is current now, until it is stopped or the scope
 * closes. A plain interval runs as its first user for ever. Returns how to stop it. Throws `NO_SCOPE`.
 */
export function bindInterval(callback: () => void, ms: number): () => void {
  const scope = currentScope()
  const timer = setInterval(bindCallback(callback), ms)
  const stop = (): void => clearInterval(timer)
  scope.defer(stop)
  return stop
}
