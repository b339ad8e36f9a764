import { warnOfModuleCapture } from '../diagnostics/module-capture.ts'
import { runtime } from '../internal/runtime.ts'
import { stateOf } from '../internal/violation.ts'
import type { Scope } from './scope.ts'

/** The scope of the code that asks, whichever definition opened it. Throws `NO_SCOPE` and `SCOPE_CLOSED`. */
export function currentScope(): Scope {
  const { storage, sites } = runtime()
  const { scope } = stateOf(storage.getStore(), 'get the current scope')
  if (sites) warnOfModuleCapture('get the current scope')
  return scope
}

/** The scope of the code that asks, or undefined where there is none or it has closed. */
export function tryCurrentScope(): Scope | undefined {
  return runtime().storage.getStore()?.cell?.state?.scope
}

/**
 * Whether the code that asks belongs to nobody: it runs in no scope, not even in one that has closed. What was given up
 * and still runs is somebody's.
 */
export function isOutside(): boolean {
  return runtime().storage.getStore()?.cell === undefined
}
