import { admit, callerFor, ownershipOf } from './admit.ts'
import { own, type OwnOptions } from './own.ts'

/**
 * The same function, or the same object with guarded methods, which works for the current owner only: every
 * call from another owner's scope throws `CROSS_OWNER` before anything of it runs, from no scope `SCOPE_LOST`,
 * and with `{ scope: true }` after its scope `SCOPE_CLOSED` (I6). What the calls run as is the caller's scope:
 * a guard refuses, it does not bring home; `bind` does that.
 *
 * Methods keep the real object as their `this`. Plain properties are not intercepted.
 *
 * @example
 * const inbox = guard(new Inbox(users.current().userId))
 */
export function guard<T extends object>(target: T, options: OwnOptions = {}): T {
  own(target, options)
  const named: unknown = Reflect.get(target, 'name')
  const name = typeof target === 'function' && typeof named === 'string' ? named : 'a guarded value'

  function check(attempt: string): void {
    const ownership = ownershipOf(target)
    if (ownership === undefined) return
    admit(ownership, callerFor(ownership, attempt), attempt)
  }

  const guarded = new Map<PropertyKey, { readonly method: unknown; readonly wrapper: unknown }>()
  const view = new Proxy(target, {
    apply: (_target, self, parameters) => {
      check(`call "${name}"`)
      // Only functions are called.
      return typeof target === 'function' ? Reflect.apply(target, self, parameters) : undefined
    },
    get: (_target, property) => {
      const method: unknown = Reflect.get(target, property, target)
      if (typeof method !== 'function' || property === 'constructor') return method
      const known = guarded.get(property)
      if (known?.method === method) return known.wrapper
      const wrapper = (...parameters: unknown[]): unknown => {
        check(`call "${String(property)}" of a guarded value`)
        return Reflect.apply(method, target, parameters)
      }
      guarded.set(property, { method, wrapper })
      return wrapper
    },
    set: (_target, property, value) => Reflect.set(target, property, value, target),
  })
  return own(view, options)
}
