import type { Home } from '../internal/home.ts'
import { BoundHandlers, isHandlerName, setOn } from './bound-handlers.ts'
import { EmitterListeners } from './emitter-listeners.ts'
import { TargetListeners } from './target-listeners.ts'

/**
 * The same object, through which listeners are added at home. It may have both faces: a MessagePort of Node and a
 * WebSocket of ws have `on` and `addEventListener`, and a listener that one of them forgot would run as whoever emits.
 */
export function createBoundView<Target extends object>(target: Target, home: Home): Target {
  const emitting = hasMethods(target, 'on', 'removeListener')
    ? new EmitterListeners(target, home)
    : undefined
  const dispatching = hasMethods(target, 'addEventListener', 'removeEventListener')
    ? new TargetListeners(target, home)
    : undefined
  const handlers = new BoundHandlers(target, home)
  // On Node's own targets with both faces, what one face added the other one removes.
  if (emitting !== undefined && dispatching !== undefined && target instanceof EventTarget) {
    emitting.otherFace = (event, listener) => dispatching.dropNewest(String(event), listener)
    dispatching.otherFace = (event, listener) => emitting.dropNewest(event, listener)
  }

  // What returns the target to be called on returns the view: in a chain the next one may add a listener.
  function chained(method: Parameters<typeof Reflect.apply>[0]) {
    return (...parameters: unknown[]): unknown => {
      // Targets with private fields, and native ones, insist on the real one as their `this`.
      const result: unknown = Reflect.apply(method, target, parameters)
      return result === target ? view : result
    }
  }

  const view: Target = new Proxy(target, {
    get: (_target, property) => {
      const value: unknown = Reflect.get(target, property, target)
      if (typeof value === 'function') {
        const bound = emitting?.method(property, view) ?? dispatching?.method(property)
        if (bound !== undefined) return bound
      }
      const handler = isHandlerName(property) ? handlers.get(property) : undefined
      if (handler !== undefined) return handler
      return typeof value === 'function' && property !== 'constructor' ? chained(value) : value
    },
    set: (_target, property, value) => setOn(target, handlers, property, value),
  })
  return view
}

function hasMethods(target: object, ...names: readonly string[]): boolean {
  return names.every((name) => typeof Reflect.get(target, name) === 'function')
}
