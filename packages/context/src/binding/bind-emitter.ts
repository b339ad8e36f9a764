import { ArgumentError } from '../argument-error.ts'
import { checkFunction, checkMethods } from '../internal/argument.ts'
import { takeHome } from '../internal/home.ts'
import { untilClose } from '../internal/until-close.ts'
import { BoundHandlers, isHandlerName, setOn } from './bound-handlers.ts'
import { ListenerTable, type BoundListener } from './listener-table.ts'

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
 * emits, and a socket's as nobody. A listener that was removed, or has run once, leaves nothing in the scope.
 *
 * `removeAllListeners` through it removes what was added through it, and nobody else's. Throws `NO_SCOPE`; adding
 * a listener also `SCOPE_CLOSING`, `SCOPE_CLOSED`, and in another owner's scope `CROSS_OWNER`.
 *
 * @example
 * const messages = bind.emitter(socket)
 * messages.on('message', save)
 * messages.off('message', save)
 */
export function bindEmitter<Emitter extends EmitterLike>(emitter: Emitter): Emitter {
  checkMethods('bind.emitter()', 'emitter', emitter, ['on', 'removeListener'])
  const home = takeHome('a bound listener', 'bind an emitter')
  const table = new ListenerTable<Listener>()
  const handlers = new BoundHandlers(emitter, home)

  function register({ once, prepend }: Registration) {
    return (event: PropertyKey, listener: Listener): Emitter => {
      checkFunction('bind.emitter()', 'listener', listener)
      home.pull('add a listener to a bound emitter', () => add(event, listener, once, prepend))
      return view
    }
  }

  function add(event: PropertyKey, listener: Listener, once: boolean, prepend: boolean): void {
    const work = listener.name === '' ? 'a bound listener' : listener.name
    const forget = untilClose('add a listener', () => table.drop(entry))
    const bound = (...parameters: never[]): unknown => {
      if (once) table.drop(entry)
      return home.enter(`call "${work}"`, () => listener.apply(emitter, parameters))
    }
    Object.defineProperties(bound, {
      length: { value: listener.length },
      name: { value: listener.name },
      // Node finds a wrapped listener by this property, so the original removes it on the emitter itself too.
      listener: { value: listener },
    })
    const detach = (): void => {
      forget()
      call('removeListener', event, bound)
    }
    const entry: BoundListener<Listener> = { event, listener, remove: detach }
    table.add(entry)
    call(prepend ? 'prependListener' : 'on', event, bound)
  }

  function call(method: string, ...parameters: unknown[]): unknown {
    const found: unknown = Reflect.get(emitter, method)
    if (typeof found !== 'function') throw new ArgumentError(`This emitter has no ${method}()`)
    return Reflect.apply(found, emitter, parameters)
  }

  function remove(event: PropertyKey, listener: Listener): Emitter {
    if (!table.dropNewest(event, listener)) call('removeListener', event, listener)
    return view
  }

  function removeAll(event?: PropertyKey): Emitter {
    table.dropAll(event)
    return view
  }

  // What returns the emitter to be called on returns the view: in a chain the next one may add a listener.
  function chained(method: Parameters<typeof Reflect.apply>[0]) {
    return (...parameters: unknown[]): unknown => {
      const result: unknown = Reflect.apply(method, emitter, parameters)
      return result === emitter ? view : result
    }
  }

  const view: Emitter = new Proxy(emitter, {
    get: (_target, property) => {
      const registration = registrations.get(property)
      if (registration !== undefined) return register(registration)
      if (removals.has(property)) return remove
      if (property === 'removeAllListeners') return removeAll
      const handler = isHandlerName(property) ? handlers.get(property) : undefined
      if (handler !== undefined) return handler
      // Emitters with private fields insist on the real one as their `this`.
      const value: unknown = Reflect.get(emitter, property, emitter)
      return typeof value === 'function' ? chained(value) : value
    },
    set: (_target, property, value) => setOn(emitter, handlers, property, value),
  })
  return view
}
