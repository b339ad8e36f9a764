import { EngineError } from '@ringfence/engine'
import { Problem } from '../problems/problem.ts'

/** For a list that cannot go on after `before`: what that names is not there, whyever. What a client can do is the same. */
export function refuseLostCursor(what: 'run' | 'thread' | 'approval'): (error: unknown) => never {
  return (error) => {
    if (!EngineError.is(error) || error.code !== 'CURSOR_EVICTED') throw error
    throw new Problem('invalid_cursor', {
      detail: `\`before\` is no ${what} of yours that is still kept. Begin again without it.`,
    })
  }
}
