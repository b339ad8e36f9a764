import type { ScopeState } from './scope-state.ts'

/**
 * The open scopes that no other scope surrounds. Linked through the states themselves: a Set would hash and
 * keep an entry for each.
 */
export class RootScopes {
  newest: ScopeState | undefined = undefined

  add(state: ScopeState): void {
    const { newest } = this
    state.older = newest
    if (newest !== undefined) newest.newer = state
    this.newest = state
  }

  delete(state: ScopeState): void {
    const { older, newer } = state
    if (older !== undefined) older.newer = newer
    if (newer !== undefined) newer.older = older
    else if (this.newest === state) this.newest = older
    state.older = state.newer = undefined
  }

  /** All of them, oldest first. A copy: what is done with them may close some. */
  list(): readonly ScopeState[] {
    const states: ScopeState[] = []
    for (let state = this.newest; state !== undefined; state = state.older) states.push(state)
    return states.toReversed()
  }
}
