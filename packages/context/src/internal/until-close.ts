import { addCleanup } from '../scope/cleanup.ts'
import { runtime } from './runtime.ts'
import { scopeClosing, stateOf } from './violation.ts'

/**
 * Has `undo` run when the current scope closes, among its cleanups. Returns how to take that back once it was
 * done sooner: a scope that lives long must not keep what is over. Throws `NO_SCOPE`, `SCOPE_CLOSED` and
 * `SCOPE_CLOSING`; so it is called before there is anything to undo.
 */
export function untilClose(attempt: string, undo: () => void): () => void {
  const state = stateOf(runtime().storage.getStore(), attempt)
  if (state.lifecycle === 'closing') throw scopeClosing(state, attempt)
  return addCleanup(state, undo)
}
