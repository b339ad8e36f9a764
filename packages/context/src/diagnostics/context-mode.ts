import { runtime } from '../internal/runtime.ts'

/**
 * How the runtime carries context across an `await`: by `async_hooks` on Node 20 and 22, and where Node is told
 * `--no-async-context-frame`; by a frame everywhere else. What `enterWith` sets outlives its request only in the
 * first.
 */
export type ContextMode = 'async-context-frame' | 'async-hooks'

export function contextMode(): ContextMode {
  // The key under which Node's older AsyncLocalStorage keeps its store on each resource; no other has one.
  return 'kResourceStore' in runtime().storage ? 'async-hooks' : 'async-context-frame'
}
