import { checkFunction } from '../internal/argument.ts'
import { takeHome, type Home } from '../internal/home.ts'
import { runtime } from '../internal/runtime.ts'
import { currentScope } from '../scope/current-scope.ts'
import { runOutside } from '../scope/run-outside.ts'

/** How a dispatcher of undici sends a request: `Dispatcher.dispatch`. */
export type Dispatch<Options, Handler extends object> = (
  options: Options,
  handler: Handler,
) => boolean

/** What a request of undici is ended with. */
type Abort = (reason: Error) => void

const work = 'a request of undici'
const starts = new Set<PropertyKey>(['onRequestStart', 'onConnect'])
const failures = new Set<PropertyKey>(['onResponseError', 'onError'])
const ends = new Set<PropertyKey>([
  ...failures,
  'onResponseEnd',
  'onComplete',
  'onRequestUpgrade',
  'onUpgrade',
])

/**
 * An interceptor for undici, to be composed first: everything that is composed after it, and the handler of the
 * request itself, runs in the scope of whoever dispatched (I7). On its own, undici calls them as whoever opened
 * the connection.
 *
 * The request ends with its scope: when that aborts or closes, the request is aborted, and one whose turn has
 * not come is never sent. A request that was dispatched in no scope is handled in no scope. Throws
 * `SCOPE_CLOSED`.
 *
 * @example
 * const api = new Pool('https://api.example.com').compose(bindDispatch)
 * api.dispatch({ path: '/', method: 'GET' }, { onResponseStart: () => audit(users.current().userId) })
 */
export function bindDispatch<Options, Handler extends object>(
  dispatch: Dispatch<Options, Handler>,
): Dispatch<Options, Handler> {
  checkFunction('bindDispatch()', 'dispatch', dispatch)
  // undici demands that it takes exactly two parameters.
  return function dispatchAtHome(options: Options, handler: Handler): boolean {
    const scoped = runtime().storage.getStore()?.cell !== undefined
    const call = scoped ? callAtHome(takeHome(work, 'dispatch a request')) : callOutside
    return runOutside(() => dispatch(options, wrap(handler, call)))
  }
}

/** Calls one of the handler's methods where it belongs. */
type Call = (name: PropertyKey, method: () => unknown, parameters: readonly unknown[]) => unknown

const callOutside: Call = (_name, method) => runOutside(method)

function callAtHome(home: Home): Call {
  const request = new BoundRequest(home)
  return (name, method, parameters) => request.call(name, method, parameters)
}

function wrap<Handler extends object>(handler: Handler, call: Call): Handler {
  return new Proxy(handler, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name, target)
      if (typeof method !== 'function') return method
      return (...parameters: unknown[]) =>
        call(name, () => Reflect.apply(method, target, parameters), parameters)
    },
  })
}

class BoundRequest {
  readonly #home: Home
  #signal: AbortSignal | undefined
  #abort: Abort | undefined

  constructor(home: Home) {
    this.#home = home
    this.#signal = currentScope().signal
    this.#signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  call(name: PropertyKey, method: () => unknown, parameters: readonly unknown[]): unknown {
    if (starts.has(name)) {
      this.#abort = abortOf(parameters[0])
      if (this.#signal?.aborted === true) return this.#onAbort()
    }
    if (ends.has(name)) this.#end()
    try {
      return this.#home.enter(`handle ${work}`, method)
    } catch (error) {
      if (this.#home.cell.state !== undefined) throw error
      // The scope is gone. The connection is not: it must hear of it, and the handler must free what it holds.
      if (failures.has(name)) return runOutside(method)
      this.#abort?.(asError(error))
      return undefined
    }
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.#signal?.reason
    // The shared reason of all closing scopes is frozen, and sockets write on the errors that end them.
    this.#abort?.(
      reason === runtime().closedReason || !(reason instanceof Error)
        ? new DOMException('The scope of the request has ended', 'AbortError')
        : reason,
    )
  }

  #end(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#signal = this.#abort = undefined
  }
}

/** The first thing a handler is given: a controller, or in undici 7's older handlers a function. */
function abortOf(given: unknown): Abort | undefined {
  if (typeof given === 'function') return (reason) => void Reflect.apply(given, undefined, [reason])
  if (typeof given !== 'object' || given === null || !('abort' in given)) return undefined
  const { abort } = given
  return typeof abort === 'function'
    ? (reason) => void Reflect.apply(abort, given, [reason])
    : undefined
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('The request was aborted', { cause: error })
}
