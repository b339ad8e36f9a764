import { runtime } from '../internal/runtime.ts'
import { admit, callerFor, ownershipOf } from './admit.ts'
import { own, type OwnOptions } from './own.ts'

/**
 * The same function, or the same object with guarded methods, which works for the current owner only: every
 * call from another owner's scope throws `CROSS_OWNER` before anything of it runs, from no scope `SCOPE_LOST`,
 * and with `{ scope: true }` after its scope `SCOPE_CLOSED` (I6). What the calls run as is the caller's scope:
 * a guard refuses, it does not bring home; `bind` does that.
 *
 * Methods keep the real object as their `this`. Writing a property, freezing it and giving it another prototype are refused as a call is; reading is not
 * intercepted.
 *
 * @example
 * const inbox = guard(new Inbox(users.current().userId))
 */
export function guard<T extends object>(target: T, options: OwnOptions = {}): T {
  own(target, options)
  const named: unknown = Reflect.get(target, 'name')
  const name = typeof target === 'function' && typeof named === 'string' ? named : 'a guarded value'

  function check(attempt: string): void {
    // They differ where the target has gone to somebody else since, as a resource of a pool does.
    for (const ownership of new Set([ownershipOf(target), ownershipOf(view)])) {
      if (ownership !== undefined) admit(ownership, callerFor(ownership, attempt), attempt)
    }
  }

  const guarded = new Map<PropertyKey, { readonly method: unknown; readonly wrapper: unknown }>()
  const view: T = new Proxy(surfaceOf(target), {
    apply: (_target, self, parameters) => {
      check(`call "${name}"`)
      // Only functions are called.
      return typeof target === 'function' ? Reflect.apply(target, self, parameters) : undefined
    },
    construct: (_target, parameters, made): object => {
      check(`construct "${name}"`)
      // Only classes are constructed, and the guarded one makes what the class itself makes.
      const constructed: unknown =
        typeof target === 'function'
          ? Reflect.construct(target, parameters, made === view ? target : made)
          : undefined
      return Object(constructed)
    },
    get: (_target, property) => {
      const method: unknown = Reflect.get(target, property, target)
      if (typeof method !== 'function' || property === 'constructor') return method
      const known = guarded.get(property)
      if (known?.method === method) return known.wrapper
      const wrapper = (...parameters: unknown[]): unknown => {
        check(`call "${String(property)}" of a guarded value`)
        const result: unknown = Reflect.apply(method, target, parameters)
        // In a chain the next call is guarded too.
        return result === target ? view : result
      }
      guarded.set(property, { method, wrapper })
      return wrapper
    },
    set: (_target, property, value) => {
      check(`set "${String(property)}" of a guarded value`)
      return Reflect.set(target, property, value, target)
    },
    defineProperty: (surface, property, descriptor) => {
      check(`define "${String(property)}" of a guarded value`)
      return Reflect.defineProperty(surface, property, descriptor)
    },
    deleteProperty: (surface, property) => {
      check(`delete "${String(property)}" of a guarded value`)
      return Reflect.deleteProperty(surface, property)
    },
    setPrototypeOf: (surface, prototype) => {
      check('set the prototype of a guarded value')
      return Reflect.setPrototypeOf(surface, prototype)
    },
    preventExtensions: (surface) => {
      check('freeze a guarded value')
      return Reflect.preventExtensions(surface)
    },
  })
  const ownership = ownershipOf(target)
  if (ownership !== undefined) runtime().ownerships.set(view, ownership)
  return view
}

/**
 * What the proxy stands on. A proxy must show what is fixed on its target as it is, and so could not guard the
 * methods of a frozen object: for that one a look-alike with the same properties, none of them fixed.
 */
function surfaceOf<T extends object>(target: T): T {
  if (typeof target === 'function' || !Object.isFrozen(target)) return target
  const surface: object = Object.create(Reflect.getPrototypeOf(target))
  for (const property of Reflect.ownKeys(target)) {
    const descriptor = Reflect.getOwnPropertyDescriptor(target, property)
    Object.defineProperty(surface, property, { ...descriptor, configurable: true })
  }
  // It is looked at and never used: the proxy goes to the target.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return surface as T
}
