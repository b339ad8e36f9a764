import type * as z from 'zod'
import {
  checkFunction,
  checkMethods,
  checkOptionalFunction,
  checkOptions,
} from '../internal/argument.ts'
import { eitherSignal } from '../impersonation/either-signal.ts'
import { runOutside } from '../scope/run-outside.ts'
import { checkScopeOptions } from '../scope/scope-options.ts'
import type { Scope, ScopeOptions } from '../scope/scope.ts'
import type { ContextInputOf, UserContextDefinition } from '../user-context/define-user-context.ts'
import { PortError } from './port-error.ts'
import { listen, post, type PortLike } from './port-like.ts'
import { readToServer, type PortFailure, type PortRequest } from './port-message.ts'

/** Runs work in the scope that an envelope describes: `open` of an envelope opener, with the kind of use filled in. */
export type OpenEnvelope = <Result>(
  envelope: string,
  options: ScopeOptions,
  work: (scope: Scope) => Promise<Result>,
) => Promise<Result>

/** Whose messages are answered, and how. */
export interface ServePortOptions<Schema extends z.ZodObject> {
  /** The definition through whose schema contexts come in (I2). */
  readonly definition: UserContextDefinition<Schema>
  /**
   * Opens sealed contexts. Where it is given, nothing but a sealed context is admitted; where it is not, none that
   * is sealed.
   */
  readonly open?: OpenEnvelope
  /** Options of each message's scope. The caller's deadline shortens `deadlineMs`, and its abort ends it as `signal` does. */
  readonly scope?: ScopeOptions
}

/**
 * Answers the messages of a bound port: each in a root scope of its own, opened for the user who sent it, ended by
 * the sender's abort and deadline. What the handler returns is the answer; it must be cloneable. What it throws
 * reaches the sender as a `PortError` with its name, message and code, without its stack.
 *
 * Returns how to stop: nothing more is answered, and what is under way is aborted.
 *
 * @example
 * servePort(parentPort, { definition: users }, (data) => render(users.current().userId, data))
 */
export function servePort<Schema extends z.ZodObject>(
  port: PortLike,
  options: ServePortOptions<Schema>,
  handler: (data: unknown, scope: Scope) => unknown,
): () => void {
  const call = 'servePort()'
  checkOptions(call, 'options', options, { definition: true, open: true, scope: true })
  const { definition, open, scope: scopeOptions = {} } = options
  checkMethods(call, 'definition', definition, ['run'])
  checkOptionalFunction(call, 'open', open)
  checkScopeOptions(scopeOptions)
  checkFunction(call, 'handler', handler)
  const running = new Map<string, AbortController>()

  const stopListening = runOutside(() =>
    listen(call, port, {
      message(data) {
        const message = readToServer(data)
        if (message === undefined) return
        const key = `${message.caller} ${message.id}`
        if (message.ringfence === 'request') void runOutside(() => serve(key, message))
        else running.get(key)?.abort(new DOMException(message.message, 'AbortError'))
      },
      failed: () => undefined,
      ended: stop,
    }),
  )

  function stop(): void {
    stopListening()
    const reason = new DOMException('The port is not served any more', 'AbortError')
    for (const controller of running.values()) controller.abort(reason)
  }

  async function serve(key: string, request: PortRequest): Promise<void> {
    const controller = new AbortController()
    running.set(key, controller)
    const { caller, id } = request
    try {
      const value = await admit(request, controller.signal)
      post(port, { ringfence: 'answer', caller, id, value })
    } catch (error) {
      const failure = failureOf(error)
      try {
        post(port, { ringfence: 'answer', caller, id, value: undefined, failure })
      } catch {
        // The port itself is gone, and with it whoever waits.
      }
    } finally {
      running.delete(key)
    }
  }

  async function admit(request: PortRequest, asked: AbortSignal): Promise<unknown> {
    const limit = eitherSignal(asked, scopeOptions.signal)
    try {
      return await run(request, limit.signal)
    } finally {
      limit.release()
    }
  }

  async function run(request: PortRequest, signal: AbortSignal): Promise<unknown> {
    const { context, envelope, deadlineMs = Infinity, data } = request
    const limited: ScopeOptions = {
      ...scopeOptions,
      signal,
      deadlineMs: Math.min(scopeOptions.deadlineMs ?? Infinity, deadlineMs),
    }
    const work = async (scope: Scope): Promise<unknown> => handler(data, scope)
    if (open !== undefined) {
      if (envelope === undefined)
        throw notAdmitted('takes sealed contexts only: bind it with `seal`')
      return open(envelope, limited, work)
    }
    if (context === undefined) throw notAdmitted('has no `open` for sealed contexts')
    // run() is the schema's own door: what comes through it is checked there, whatever its type.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return definition.run(context as ContextInputOf<Schema>, limited, work)
  }

  return stop
}

function notAdmitted(why: string): PortError {
  return new PortError('NOT_ADMITTED', `Cannot run the message: whoever serves the port ${why}.`)
}

function failureOf(error: unknown): PortFailure {
  if (PortError.is(error) && error.code === 'NOT_ADMITTED') {
    return { code: 'NOT_ADMITTED', message: error.message }
  }
  const message = error instanceof Error ? error.message : 'The other side threw what is no Error'
  const remoteName = error instanceof Error ? error.name : undefined
  const code: unknown =
    typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
  const remoteCode = typeof code === 'string' ? code : undefined
  return { code: 'REMOTE_ERROR', message, remoteName, remoteCode }
}
