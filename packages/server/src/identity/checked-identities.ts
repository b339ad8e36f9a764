import { invalidToken, unauthenticated } from '../problems/to-problem.ts'
import { identitySchema, type Identity } from './identity.ts'

/**
 * The door for identities, whoever they come from: what an application returns is checked before it means anybody.
 * One that cannot change is checked once, as that of a verified token is; when it ends is looked at each time.
 */
export class CheckedIdentities {
  readonly #checked = new WeakMap<Identity, Identity>()

  /** Throws `unauthenticated` for nobody, `invalid_token` for one that has ended, and TypeError for what is none. */
  check(found: Identity | null): Identity {
    if (found === null) throw unauthenticated()
    const identity = this.#checked.get(found) ?? this.#parse(found)
    const { expiresAt } = identity
    if (expiresAt !== undefined && expiresAt <= Date.now()) throw invalidToken()
    return identity
  }

  #parse(found: Identity): Identity {
    const checked = identitySchema.safeParse(found)
    if (!checked.success) {
      throw new TypeError('identify() returned something that is no identity', {
        cause: checked.error,
      })
    }
    if (isFrozen(found)) this.#checked.set(found, checked.data)
    return checked.data
  }
}

/** Whether nothing of it can change: what an application adds may hold anything, and is read anew. */
function isFrozen(identity: Identity): boolean {
  return (
    Object.isFrozen(identity) &&
    Object.isFrozen(identity.roles ?? '') &&
    identity.context === undefined
  )
}
