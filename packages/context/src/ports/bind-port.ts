import type * as z from 'zod'
import {
  checkMethods,
  checkOptionalFunction,
  checkOptions,
  checkString,
} from '../internal/argument.ts'
import { currentScope } from '../scope/current-scope.ts'
import { runOutside } from '../scope/run-outside.ts'
import type { Scope } from '../scope/scope.ts'
import { openPromise, type Settlement } from '../scope/settlement.ts'
import { waitWith } from '../sharing/wait-with.ts'
import { PortError } from './port-error.ts'
import { listen, post, type PortLike } from './port-like.ts'
import { readAnswer, type PortAbort, type PortAnswer, type PortRequest } from './port-message.ts'

/** How contexts travel, and what errors call the requests. Both are optional. */
export interface BindPortOptions {
  /**
   * Seals the current scope's context for the other side, once for each message. Without it the context goes as
   * plain data, and secret fields stay here: for a worker of this very process. Sealed it must be for whatever is
   * not (I11).
   */
  readonly seal?: () => string | PromiseLike<string>
  /** Names the requests in errors. Default: `a request over a port`. No user data in it. */
  readonly label?: string
}

/** How one message is sent. */
export interface PortRequestOptions<Reply> {
  /** Checks the answer. Without it the answer is `unknown`. */
  readonly reply?: z.ZodType<Reply>
  /** What is handed over and not copied: ports, buffers. */
  readonly transfer?: readonly object[]
}

/** A port that all users share, and on which every message travels with its sender's context. */
export interface BoundPort {
  /**
   * Sends `data` with the current scope's context, and resolves with the answer, in the scope that asked, whoever's
   * answer came before it. The scope waits for it. When the scope aborts, the promise rejects with the abort's
   * reason and the other side is told to stop; its deadline travels along.
   *
   * Rejects with a `PortError`, and with what `reply` refuses; throws `NO_SCOPE`, `SCOPE_CLOSED`, `SCOPE_CLOSING`,
   * `SYNC_SCOPE`.
   */
  request(data: unknown, options?: Omit<PortRequestOptions<unknown>, 'reply'>): Promise<unknown>
  request<Reply>(data: unknown, options: PortRequestOptions<Reply>): Promise<Reply>
  /** Stops listening; what is waited for rejects with `PORT_CLOSED`. The port itself stays open: it is the caller's. */
  close(): void
}

/**
 * Binds a MessagePort or a Worker that several users share. On its own nothing of a context crosses, and answers are
 * heard by whoever's scope made the worker: user A's pool answers user B as A. `servePort` is the other side.
 *
 * Made anywhere, also inside a scope: it listens in no scope.
 *
 * @example
 * const renderer = bindPort(new Worker('./render.js'))
 * const page = await renderer.request({ page: 1 }, { reply: z.string() })
 */
export function bindPort(port: PortLike, options: BindPortOptions = {}): BoundPort {
  checkOptions('bindPort()', 'options', options, { seal: true, label: true })
  const { seal, label = 'a request over a port' } = options
  checkOptionalFunction('bindPort()', 'seal', seal)
  checkString('bindPort()', 'label', label)
  const caller = globalThis.crypto.randomUUID()
  const waiting = new Map<number, Settlement<unknown>>()
  let last = 0
  let closed = false

  const stop = runOutside(() =>
    listen('bindPort()', port, {
      message(data) {
        const answer = readAnswer(data)
        if (answer?.caller === caller) settle(answer)
      },
      failed: (cause) => rejectAll(portFailed(cause)),
      ended: close,
    }),
  )

  function settle(answer: PortAnswer): void {
    const settlement = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (answer.failure === undefined) return settlement?.resolve(answer.value)
    const { code, message, remoteName, remoteCode } = answer.failure
    settlement?.reject(new PortError(code, message, { name: remoteName, code: remoteCode }))
  }

  function rejectAll(error: PortError): void {
    const all = [...waiting.values()]
    waiting.clear()
    for (const { reject } of all) reject(error)
  }

  function close(): void {
    closed = true
    stop()
    rejectAll(portClosed())
  }

  async function send(
    scope: Scope,
    signal: AbortSignal,
    data: unknown,
    transfer: readonly object[],
  ): Promise<unknown> {
    signal.throwIfAborted()
    // Secret fields do not enumerate, so cloning leaves them out, however deep.
    const passport =
      seal === undefined ? { context: { ...scope.context } } : { envelope: await seal() }
    signal.throwIfAborted()
    if (closed) throw portClosed()
    const { deadline } = scope
    const left = deadline === undefined ? {} : { deadlineMs: Math.max(0, deadline - Date.now()) }
    const id = (last += 1)
    const message: PortRequest = { ringfence: 'request', caller, id, ...passport, ...left, data }
    const [answer, settlement] = openPromise<unknown>()
    post(port, message, transfer)
    waiting.set(id, settlement)
    try {
      return await waitWith(signal, answer)
    } finally {
      // Still waited for: it is the scope that gave up.
      if (waiting.delete(id)) abandon(id)
    }
  }

  function abandon(id: number): void {
    const message = 'The scope that asked was aborted'
    post(port, { ringfence: 'abort', caller, id, message } satisfies PortAbort)
  }

  async function checked<Reply>(
    answer: Promise<unknown>,
    schema: z.ZodType<Reply> | undefined,
  ): Promise<unknown> {
    const value = await answer
    return schema === undefined ? value : schema.parseAsync(value)
  }

  function request(data: unknown, given: PortRequestOptions<unknown> = {}): Promise<unknown> {
    checkOptions('request()', 'options', given, { reply: true, transfer: true })
    const { reply, transfer = [] } = given
    if (reply !== undefined) checkMethods('request()', 'reply', reply, ['parseAsync'])
    const scope = currentScope()
    return scope.spawn(label, (signal) => checked(send(scope, signal, data, transfer), reply))
  }

  return Object.freeze({ request, close })
}

function portClosed(): PortError {
  return new PortError(
    'PORT_CLOSED',
    'The port closed before the answer came. Open a new one, and send again what may be sent twice.',
  )
}

function portFailed(cause: unknown): PortError {
  return new PortError(
    'PORT_FAILED',
    'The port or its worker failed before the answer came; `cause` says how.',
    {},
    { cause },
  )
}
