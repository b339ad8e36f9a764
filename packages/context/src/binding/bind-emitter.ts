import { currentScope } from '../scope/current-scope.ts'
import { bindCallback } from './bind-callback.ts'
import { ListenerTable } from './listener-table.ts'

type Listener = (...parameters: never[]) => unknown

/** What binding needs of an emitter: Node's EventEmitter and what is made like it. */
export interface EmitterLike {
  on(event: never, listener: never): unknown
  removeListener(event: never, listener: never): unknown
}

interface Registration {
  readonly once: boolean
  readonly prepend: boolean
}

const registrations: ReadonlyMap<PropertyKey, Registration> = /* @__PURE__ */ new Map([
  ['on', { once: false, prepend: false }],
  ['addListener', { once: false, prepend: false }],
  ['once', { once: true, prepend: false }],
  ['prependListener', { once: false, prepend: true }],
  ['prependOnceListener', { once: true, prepend: true }],
])
const removals: ReadonlySet<PropertyKey> = /* @__PURE__ */ new Set(['off', 'removeListener'])

/**
 * The same emitter, but listeners that are added through it run in the scope that is current now (I7), are
 * removed by the original listener, and go when the scope closes. Without it a listener runs as whoever
 * emits, and a socket's as nobody.
 *
 * `removeAllListeners` through it removes what was added through it, and nobody else's. Throws `NO_SCOPE`.
 *
 * @example
 * const messages = bind.emitter(socket)
 * messages.on('message', save)
 * messages.off('message', save)
 */
export function bindEmitter<Emitter extends EmitterLike>(emitter: Emitter): Emitter {
  const table = new ListenerTable<Listener>()

  function register({ once, prepend }: Registration) {
    return (event: PropertyKey, listener: Listener): Emitter => {
      if (typeof listener !== 'function') {
        throw new TypeError(`Expected the listener to be a function, got ${typeof listener}`)
      }
      const run = (...parameters: never[]): unknown => {
        if (once) table.take(event, listener)?.()
        return listener.apply(emitter, parameters)
      }
      Object.defineProperties(run, {
        length: { value: listener.length },
        name: { value: listener.name },
      })
      const bound = bindCallback(run)
      // Node finds a wrapped listener by this property, so the original removes it on the emitter itself too.
      Object.defineProperty(bound, 'listener', { value: listener })
      table.add(event, listener, () => call('removeListener', event, bound))
      call(prepend ? 'prependListener' : 'on', event, bound)
      return view
    }
  }

  function call(method: string, ...parameters: unknown[]): unknown {
    const found: unknown = Reflect.get(emitter, method)
    if (typeof found !== 'function') throw new TypeError(`This emitter has no ${method}()`)
    return Reflect.apply(found, emitter, parameters)
  }

  function remove(event: PropertyKey, listener: Listener): Emitter {
    const removeBound = table.take(event, listener)
    if (removeBound === undefined) call('removeListener', event, listener)
    else removeBound()
    return view
  }

  function removeAll(event?: PropertyKey): Emitter {
    table.removeAll(event)
    return view
  }

  const view: Emitter = new Proxy(emitter, {
    get: (_target, property) => {
      const registration = registrations.get(property)
      if (registration !== undefined) return register(registration)
      if (removals.has(property)) return remove
      if (property === 'removeAllListeners') return removeAll
      // Emitters with private fields insist on the real one as their `this`.
      const value: unknown = Reflect.get(emitter, property, emitter)
      return typeof value === 'function' ? value.bind(emitter) : value
    },
    set: (_target, property, value) => Reflect.set(emitter, property, value, emitter),
  })
  currentScope().defer(() => table.removeAll())
  return view
}
