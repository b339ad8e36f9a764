type Listener = (this: unknown, ...parameters: unknown[]) => unknown
type Register = (this: unknown, event: string | symbol, listener: Listener) => unknown

interface Emitter {
  readonly on: Register
  readonly addListener: Register
  readonly once: Register
  readonly prependListener: Register
  readonly prependOnceListener: Register
  readonly removeListener: Register
}

const methods = [
  'on',
  'addListener',
  'once',
  'prependListener',
  'prependOnceListener',
  'removeListener',
] as const

export function isEmitter(value: unknown): value is Emitter {
  return (
    typeof value === 'object' &&
    value !== null &&
    methods.every((method) => typeof Reflect.get(value, method) === 'function')
  )
}

/**
 * Has listeners that are added to the emitter from now on bound. As OpenTelemetry documents it this changes the
 * emitter itself, unlike `bind.emitter` of Ringfence. Emitters know a wrapped listener by its `listener`
 * property, so removing by the original, and `listeners()`, need no help.
 */
export function bindEmitterTo(emitter: Emitter, bind: (listener: Listener) => Listener): void {
  const { on, prependListener, removeListener } = emitter

  const wrap = (listener: Listener, called: Listener = listener): Listener =>
    Object.defineProperty(bind(called), 'listener', { value: listener })

  const always =
    (register: Register): Register =>
    (event, listener) =>
      register.call(emitter, event, wrap(listener))

  const once =
    (register: Register): Register =>
    (event, listener) => {
      const bound = wrap(listener, function (...parameters) {
        removeListener.call(emitter, event, bound)
        return listener.apply(this, parameters)
      })
      return register.call(emitter, event, bound)
    }

  const changed: Record<string, Register> = {
    on: always(on),
    addListener: always(on),
    prependListener: always(prependListener),
    once: once(on),
    prependOnceListener: once(prependListener),
  }
  for (const [name, value] of Object.entries(changed)) {
    Object.defineProperty(emitter, name, { value, configurable: true, writable: true })
  }
}
