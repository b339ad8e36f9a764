import type { Identify } from './identity.ts'
import { InvalidToken } from './invalid-token.ts'

/**
 * Identifies in several ways, in their order: the first that knows who is asking is believed, and the rest are not
 * asked. One that finds credentials of its own kind and refuses them (`InvalidToken`) does not end it: the
 * next may be the issuer that the token is from. Where none knows, the first refusal stands, or null. Any other
 * throw is thrown at once: a way that cannot tell must not let a weaker one decide. Throws TypeError for no ways.
 *
 * @example
 * const auth = combine(jwtAuth(employees), jwtAuth(customers), sessionAuth)
 */
export function combine(...ways: readonly [Identify, ...Identify[]]): Identify {
  if (ways.length === 0 || ways.some((way) => typeof way !== 'function')) {
    throw new TypeError('combine: expected one or more functions that identify')
  }
  return async (request) => {
    let refusal: InvalidToken | undefined
    for (const identify of ways) {
      try {
        const identity = await identify(request)
        if (identity !== null) return identity
      } catch (error) {
        if (!InvalidToken.is(error)) throw error
        refusal ??= error
      }
    }
    if (refusal !== undefined) throw refusal
    return null
  }
}
