import { checkMethods, kindOf, wrongArgument } from '../internal/argument.ts'
import { takeHome } from '../internal/home.ts'
import { untilClose } from '../internal/until-close.ts'
import { BoundHandlers, isHandlerName, setOn } from './bound-handlers.ts'
import { ListenerTable, type BoundListener } from './listener-table.ts'

type Listener = NonNullable<Parameters<EventTarget['addEventListener']>[1]>
type AddOptions = Parameters<EventTarget['addEventListener']>[2]
type RemoveOptions = Parameters<EventTarget['removeEventListener']>[2]

/**
 * The same target, but listeners that are added through it run in the scope that is current now (I7), are
 * removed by the original listener, and go when the scope closes. Without it a listener runs as whoever
 * dispatches: an `abort` listener as whoever aborts. A listener that was removed, or has run once, leaves nothing
 * in the scope. The same goes for a handler that is set as a property, such as `onabort`.
 *
 * Listeners that were added to the target itself are not touched. Throws `NO_SCOPE`; adding a listener also
 * `SCOPE_CLOSING`, `SCOPE_CLOSED`, and in another owner's scope `CROSS_OWNER`.
 */
export function bindEventTarget<Target extends EventTarget>(target: Target): Target {
  checkMethods('bind.eventTarget()', 'target', target, ['addEventListener', 'removeEventListener'])
  const home = takeHome('a bound listener', 'bind an event target')
  const table = new ListenerTable<Listener>()
  const handlers = new BoundHandlers(target, home)

  function addListener(type: string, given: Listener | null, options?: AddOptions): void {
    const listener = checkedListener(given)
    if (listener === undefined || signalOf(options)?.aborted === true) return
    home.pull('add a listener to a bound target', () => add(type, listener, options))
  }

  function add(type: string, listener: Listener, options: AddOptions): void {
    const capture = isCapture(options)
    const event = keyOf(type, capture)
    if (table.has(event, listener)) return
    const forget = untilClose('add a listener', () => table.drop(entry))
    const bound = (dispatched: Event): void => {
      if (isOnce(options)) table.drop(entry)
      home.enter('call a bound listener', () => {
        if (typeof listener === 'function') listener.call(target, dispatched)
        else listener.handleEvent(dispatched)
      })
    }
    const signal = signalOf(options)
    const drop = (): void => table.drop(entry)
    const remove = (): void => {
      forget()
      signal?.removeEventListener('abort', drop)
      target.removeEventListener(type, bound, { capture })
    }
    const entry: BoundListener<Listener> = { event, listener, remove }
    table.add(entry)
    signal?.addEventListener('abort', drop, { once: true })
    target.addEventListener(type, bound, options)
  }

  function removeListener(type: string, listener: Listener | null, options?: RemoveOptions): void {
    if (listener === null || listener === undefined) return
    table.dropNewest(keyOf(type, isCapture(options)), listener)
  }

  return new Proxy(target, {
    get: (_target, property) => {
      if (property === 'addEventListener') return addListener
      if (property === 'removeEventListener') return removeListener
      const handler = isHandlerName(property) ? handlers.get(property) : undefined
      if (handler !== undefined) return handler
      // Native accessors and methods insist on the real target as their `this`.
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
    set: (_target, property, value) => setOn(target, handlers, property, value),
  })
}

function checkedListener(listener: Listener | null | undefined): Listener | undefined {
  if (listener === null || listener === undefined) return undefined
  if (typeof listener === 'function' || typeof listener === 'object') return listener
  throw wrongArgument('bind.eventTarget()', 'listener', 'a function or an object', kindOf(listener))
}

function keyOf(type: string, capture: boolean): string {
  return `${capture ? 'capture' : 'bubble'} ${type}`
}

function signalOf(options: AddOptions): AbortSignal | undefined {
  return typeof options === 'object' ? options.signal : undefined
}

function isCapture(options: AddOptions | RemoveOptions): boolean {
  return typeof options === 'object' ? options.capture === true : options === true
}

function isOnce(options: AddOptions): boolean {
  return typeof options === 'object' && options.once === true
}
