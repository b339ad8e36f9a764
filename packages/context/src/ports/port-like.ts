import { checkMethods } from '../internal/argument.ts'

/** A MessagePort, a Worker of any runtime, a worker's `parentPort` or global scope, or what is made like one. */
export interface PortLike {
  postMessage(message: never, transfer?: never): unknown
}

/** What is heard on a port. */
export interface PortEars {
  message(data: unknown): void
  /** Something went wrong; messages may be missing. */
  failed(cause: unknown): void
  /** Nothing more will be heard. */
  ended(): void
}

/** Posts a message. Throws what the platform throws for what cannot be cloned. */
export function post(port: PortLike, message: unknown, transfer: readonly object[] = []): void {
  callMethod(port, 'postMessage', message, transfer)
}

/** Listens on a port, and starts it where it must be started. Returns how to stop. */
export function listen(call: string, port: PortLike, ears: PortEars): () => void {
  checkMethods(call, 'port', port, ['postMessage'])
  // Node's Worker is an emitter only; of what is both, the events are the same everywhere.
  const isTarget = typeof Reflect.get(port, 'addEventListener') === 'function'
  const [add, remove] = isTarget
    ? (['addEventListener', 'removeEventListener'] as const)
    : (['on', 'off'] as const)
  checkMethods(call, 'port', port, [add, remove])
  const dataOf = (event: unknown): unknown =>
    isTarget && typeof event === 'object' && event !== null ? Reflect.get(event, 'data') : event
  const heard: [event: string, listener: (event: unknown) => void][] = [
    ['message', (event) => ears.message(dataOf(event))],
    ['messageerror', () => ears.failed(new Error('A message could not be read'))],
    ['error', (event) => ears.failed(event)],
    ['exit', () => ears.ended()],
    ['close', () => ears.ended()],
  ]
  for (const [event, listener] of heard) callMethod(port, add, event, listener)
  if (isTarget && typeof Reflect.get(port, 'start') === 'function') callMethod(port, 'start')
  return () => {
    for (const [event, listener] of heard) callMethod(port, remove, event, listener)
  }
}

function callMethod(port: PortLike, method: string, ...parameters: unknown[]): void {
  const found: unknown = Reflect.get(port, method)
  if (typeof found === 'function') Reflect.apply(found, port, parameters)
}
