import { kindOf, wrongArgument } from '../internal/argument.ts'
import type { Home } from '../internal/home.ts'
import { untilClose } from '../internal/until-close.ts'
import { ListenerTable, type BoundListener } from './listener-table.ts'

type Listener = NonNullable<Parameters<EventTarget['addEventListener']>[1]>
type AddOptions = Parameters<EventTarget['addEventListener']>[2]
type RemoveOptions = Parameters<EventTarget['removeEventListener']>[2]
type Method = (...parameters: never[]) => unknown

/** The listeners that were added through one view of an event target. */
export class TargetListeners {
  /** Removes what was added through the target's other face. False where there is none. */
  otherFace: (event: string, listener: (...parameters: never[]) => unknown) => boolean = () => false
  readonly #target: object
  readonly #home: Home
  readonly #table = new ListenerTable<Listener>()

  constructor(target: object, home: Home) {
    this.#target = target
    this.#home = home
  }

  /** What stands on the view for a method of the target; undefined where that is the target's own. */
  method(name: PropertyKey): Method | undefined {
    if (name === 'addEventListener') {
      return (type: string, listener: Listener | null, options?: AddOptions) =>
        this.#register(type, listener, options)
    }
    if (name !== 'removeEventListener') return undefined
    return (type: string, listener: Listener | null, options?: RemoveOptions) =>
      this.#remove(type, listener, options)
  }

  /** Drops the newest registration of a listener that was called when its event bubbled. */
  dropNewest(type: string, listener: (...parameters: never[]) => unknown): boolean {
    // Only looked up, never called.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return this.#table.dropNewest(keyOf(type, false), listener as Listener)
  }

  #register(type: string, given: Listener | null, options: AddOptions): void {
    const listener = checkedListener(given)
    if (listener === undefined || signalOf(options)?.aborted === true) return
    this.#home.pull('add a listener to a bound target', () => this.#add(type, listener, options))
  }

  #add(type: string, listener: Listener, options: AddOptions): void {
    const capture = isCapture(options)
    const event = keyOf(type, capture)
    if (this.#table.has(event, listener)) return
    const drop = (): void => this.#table.drop(entry)
    const forget = untilClose('add a listener', drop)
    const bound = (dispatched: Event): void => {
      if (isOnce(options)) drop()
      this.#home.enter('call a bound listener', () => {
        if (typeof listener === 'function') Reflect.apply(listener, this.#target, [dispatched])
        else listener.handleEvent(dispatched)
      })
    }
    const signal = signalOf(options)
    const remove = (): void => {
      forget()
      signal?.removeEventListener('abort', drop)
      this.#call('removeEventListener', type, bound, { capture })
    }
    const entry: BoundListener<Listener> = { event, listener, bound, remove }
    this.#table.add(entry)
    signal?.addEventListener('abort', drop, { once: true })
    this.#call('addEventListener', type, bound, options)
  }

  #remove(type: string, listener: Listener | null, options: RemoveOptions): void {
    if (listener === null || listener === undefined) return
    if (this.#table.dropNewest(keyOf(type, isCapture(options)), listener)) return
    if (typeof listener === 'function') this.otherFace(type, listener)
  }

  #call(method: 'addEventListener' | 'removeEventListener', ...parameters: unknown[]): void {
    const found: unknown = Reflect.get(this.#target, method)
    if (typeof found === 'function') Reflect.apply(found, this.#target, parameters)
  }
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
