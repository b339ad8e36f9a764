import type { Scope } from '@ringfence/context'

/**
 * What is to be released when a scope closes. One cleanup for each scope, however many things come and go in
 * it: a scope that lives long keeps nothing of what was released before.
 */
export class ScopeReleases {
  readonly #releases = new WeakMap<Scope, Set<() => void>>()

  /** Returns how to forget it again. Throws `SCOPE_CLOSING` once the scope's cleanups run. */
  add(scope: Scope, release: () => void): () => void {
    const releases = this.#of(scope)
    releases.add(release)
    return () => {
      releases.delete(release)
    }
  }

  #of(scope: Scope): Set<() => void> {
    const existing = this.#releases.get(scope)
    if (existing !== undefined && scope.lifecycle === 'open') return existing
    const created = new Set<() => void>()
    scope.defer(() => {
      for (const release of created) release()
    })
    this.#releases.set(scope, created)
    return created
  }
}
