import type { Home } from '../internal/home.ts'
import { untilClose } from '../internal/until-close.ts'

type Handler = (...parameters: unknown[]) => unknown

interface BoundHandler {
  readonly handler: Handler
  readonly bound: Handler
  readonly forget: () => void
}

/** Whether a property is a handler by its name: `onabort`, `onmessage`. */
export function isHandlerName(property: PropertyKey): property is string {
  return typeof property === 'string' && /^on[a-z]/.test(property)
}

/** The handler properties that were set through a bound target: one for each name, and gone when the scope closes. */
export class BoundHandlers {
  readonly #target: object
  readonly #home: Home
  readonly #handlers = new Map<string, BoundHandler>()

  constructor(target: object, home: Home) {
    this.#target = target
    this.#home = home
  }

  /** The handler that was set, if it is still the one that the target has. */
  get(name: string): Handler | undefined {
    const entry = this.#handlers.get(name)
    return entry !== undefined && Reflect.get(this.#target, name, this.#target) === entry.bound
      ? entry.handler
      : undefined
  }

  /** Puts a handler in the place of the one before. Throws what adding a listener does. */
  set(name: string, handler: Handler): boolean {
    return this.#home.pull('set a handler of a bound target', () => {
      const forget = untilClose('set a handler', () => this.clear(name))
      const bound = (...parameters: unknown[]): unknown =>
        this.#home.enter(`call "${name}"`, () => Reflect.apply(handler, this.#target, parameters))
      this.#handlers.get(name)?.forget()
      this.#handlers.set(name, { handler, bound, forget })
      return Reflect.set(this.#target, name, bound, this.#target)
    })
  }

  /** Takes the handler away, unless another one has been put there since. */
  clear(name: string): void {
    const entry = this.#handlers.get(name)
    if (entry === undefined) return
    this.#handlers.delete(name)
    entry.forget()
    if (Reflect.get(this.#target, name, this.#target) === entry.bound) {
      Reflect.set(this.#target, name, null, this.#target)
    }
  }
}

/** What is set on a bound target: a handler comes home, everything else is the target's. */
export function setOn(
  target: object,
  handlers: BoundHandlers,
  property: PropertyKey,
  value: unknown,
): boolean {
  if (!isHandlerName(property)) return Reflect.set(target, property, value, target)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- called with whatever the target gives it
  if (typeof value === 'function') return handlers.set(property, value as Handler)
  handlers.clear(property)
  return Reflect.set(target, property, value, target)
}
