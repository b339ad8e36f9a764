import type { Scope } from '@ringfence/context'

/**
 * What is to be released when a scope closes. One cleanup for each scope, however many things come and go in
 * it: a scope that lives long keeps nothing of what was released before.
 */
export class ScopeReleases {
  readonly #releases = new WeakMap<Scope, Releases>()

  /** Returns how to forget it again. Throws `SCOPE_CLOSING` once the scope's cleanups run. */
  add(scope: Scope, release: () => void): () => void {
    const releases = this.#of(scope)
    releases.add(release)
    return () => releases.delete(release)
  }

  #of(scope: Scope): Releases {
    const existing = this.#releases.get(scope)
    if (existing !== undefined && scope.lifecycle === 'open') return existing
    const created = new Releases()
    scope.defer(() => created.run())
    this.#releases.set(scope, created)
    return created
  }
}

/** A single one without a set around it: that of a connection, of which a server holds thousands. */
class Releases {
  #only: (() => void) | undefined
  #more: Set<() => void> | undefined

  add(release: () => void): void {
    if (this.#more !== undefined) this.#more.add(release)
    else if (this.#only === undefined) this.#only = release
    else this.#more = new Set([this.#only, release])
    if (this.#more !== undefined) this.#only = undefined
  }

  delete(release: () => void): void {
    if (this.#only === release) this.#only = undefined
    this.#more?.delete(release)
  }

  run(): void {
    this.#only?.()
    for (const release of this.#more ?? []) release()
  }
}
