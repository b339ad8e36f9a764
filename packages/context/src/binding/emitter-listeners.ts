import { checkFunction } from '../internal/argument.ts'
import type { Home } from '../internal/home.ts'
import { untilClose } from '../internal/until-close.ts'
import { ListenerTable, type BoundListener } from './listener-table.ts'

type Listener = (...parameters: never[]) => unknown
type Method = (...parameters: never[]) => unknown

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

// Fewer are not worth looking for those that were removed on the emitter itself.
const fewest = 16

/** The listeners that were added through one view of an emitter. */
export class EmitterListeners {
  /** Removes what was added through the target's other face. False where there is none. */
  otherFace: (event: PropertyKey, listener: Listener) => boolean = () => false
  readonly #emitter: object
  readonly #home: Home
  readonly #table = new ListenerTable<Listener>()
  /** Those that the emitter shows as they are: one that wraps what is added to it cannot be asked what has gone. */
  readonly #shown = new WeakSet<object>()
  #sweepAt = fewest

  constructor(emitter: object, home: Home) {
    this.#emitter = emitter
    this.#home = home
  }

  /** What stands on the view for a method of the emitter; undefined where that is the emitter's own. */
  method(name: PropertyKey, view: object): Method | undefined {
    const registration = registrations.get(name)
    if (registration !== undefined) {
      return (event: PropertyKey, listener: Listener) => {
        this.#register(event, listener, registration)
        return view
      }
    }
    if (name === 'off' || name === 'removeListener') {
      return (event: PropertyKey, listener: Listener) => {
        this.#remove(event, listener)
        return view
      }
    }
    if (name !== 'removeAllListeners') return undefined
    return (event?: PropertyKey) => {
      this.#table.dropAll(event)
      return view
    }
  }

  dropNewest(event: PropertyKey, listener: Listener): boolean {
    return this.#table.dropNewest(event, listener)
  }

  #register(event: PropertyKey, listener: Listener, registration: Registration): void {
    checkFunction('bind.emitter()', 'listener', listener)
    this.#home.pull('add a listener to a bound emitter', () =>
      this.#add(event, listener, registration),
    )
  }

  #add(event: PropertyKey, listener: Listener, { once, prepend }: Registration): void {
    const work = listener.name === '' ? 'a bound listener' : listener.name
    const forget = untilClose('add a listener', () => this.#table.drop(entry))
    const bound = (...parameters: never[]): unknown => {
      if (once) this.#table.drop(entry)
      return this.#home.enter(`call "${work}"`, () => listener.apply(this.#emitter, parameters))
    }
    Object.defineProperties(bound, {
      length: { value: listener.length },
      name: { value: listener.name },
      // Node finds a wrapped listener by this property, so the original removes it on the emitter itself too.
      listener: { value: listener },
    })
    const remove = (): void => {
      forget()
      this.#call('removeListener', event, bound)
    }
    const entry: BoundListener<Listener> = { event, listener, bound, remove }
    if (this.#table.size >= this.#sweepAt) this.#sweep()
    this.#table.add(entry)
    this.#call(prepend ? 'prependListener' : 'on', event, bound)
    if (this.#listenersOf(event).includes(bound)) this.#shown.add(bound)
  }

  #remove(event: PropertyKey, listener: Listener): void {
    if (this.#table.dropNewest(event, listener) || this.otherFace(event, listener)) return
    this.#call('removeListener', event, listener)
  }

  /**
   * Forgets what was removed on the emitter itself, of which nobody tells. Whenever there are twice as many as the
   * last sweep left, so that it costs little for each, and what is left over does not pile up in a long scope.
   */
  #sweep(): void {
    for (const event of this.#table.events()) {
      const standing = new Set(this.#listenersOf(event))
      this.#table.dropWhere(event, (bound) => this.#shown.has(bound) && !standing.has(bound))
    }
    this.#sweepAt = Math.max(fewest, this.#table.size * 2)
  }

  #listenersOf(event: PropertyKey): readonly unknown[] {
    const method: unknown = Reflect.get(this.#emitter, 'rawListeners')
    const listeners: unknown =
      typeof method === 'function' ? Reflect.apply(method, this.#emitter, [event]) : []
    return Array.isArray(listeners) ? listeners : []
  }

  #call(method: string, ...parameters: unknown[]): unknown {
    const found: unknown = Reflect.get(this.#emitter, method)
    if (typeof found !== 'function') throw new TypeError(`This emitter has no ${method}()`)
    return Reflect.apply(found, this.#emitter, parameters)
  }
}
