import { currentScope } from '../scope/current-scope.ts'
import { bindCallback } from './bind-callback.ts'
import { ListenerTable } from './listener-table.ts'

type Listener = Parameters<EventTarget['addEventListener']>[1]
type AddOptions = Parameters<EventTarget['addEventListener']>[2]
type RemoveOptions = Parameters<EventTarget['removeEventListener']>[2]

/**
 * The same target, but listeners that are added through it run in the scope that is current now (I7), are
 * removed by the original listener, and go when the scope closes. Without it a listener runs as whoever
 * dispatches: an `abort` listener as whoever aborts.
 *
 * Listeners that were added to the target itself are not touched. Throws `NO_SCOPE`.
 */
export function bindEventTarget<Target extends EventTarget>(target: Target): Target {
  const table = new ListenerTable<Listener>()

  function add(type: string, listener: Listener, options?: AddOptions): void {
    if (listener === null || listener === undefined) return
    const capture = isCapture(options)
    const key = `${capture ? 'capture' : 'bubble'} ${type}`
    if (table.has(key, listener)) return
    const bound = bindCallback((event: Event): void => {
      if (isOnce(options)) table.take(key, listener)
      if (typeof listener === 'function') listener.call(target, event)
      else listener.handleEvent(event)
    })
    table.add(key, listener, () => target.removeEventListener(type, bound, { capture }))
    target.addEventListener(type, bound, options)
  }

  function remove(type: string, listener: Listener, options?: RemoveOptions): void {
    if (listener === null || listener === undefined) return
    table.take(`${isCapture(options) ? 'capture' : 'bubble'} ${type}`, listener)?.()
  }

  currentScope().defer(() => table.removeAll())
  return new Proxy(target, {
    get: (_target, property) => {
      if (property === 'addEventListener') return add
      if (property === 'removeEventListener') return remove
      // Native accessors and methods insist on the real target as their `this`.
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
    set: (_target, property, value) => Reflect.set(target, property, value, target),
  })
}

function isCapture(options: AddOptions | RemoveOptions): boolean {
  return typeof options === 'object' ? options.capture === true : options === true
}

function isOnce(options: AddOptions): boolean {
  return typeof options === 'object' && options.once === true
}
