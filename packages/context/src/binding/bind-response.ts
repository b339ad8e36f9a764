import { ContextError } from '../errors.ts'
import { checkDuration, checkObject, checkResponse, wrongArgument } from '../internal/argument.ts'
import { takeHome, type Home } from '../internal/home.ts'
import { startTimer } from '../internal/timer.ts'
import { currentScope } from '../scope/current-scope.ts'
import type { Scope } from '../scope/scope.ts'
import { openPromise } from '../scope/settlement.ts'

export interface BindResponseOptions {
  /**
   * Milliseconds that a body may go unread: before the first read, and between two. Then it is cancelled, so
   * that a body nobody wants (HEAD, 304, a replaced response) does not hold its scope for ever. Default 30,000.
   */
  readonly idleMs?: number
}

/**
 * The same response, with a body that is produced in the scope that is current now, whoever reads it (I7), and
 * that keeps this scope open until it ends, errors, is cancelled, or has gone unread for too long (I4).
 *
 * The scope waits for the body: hand the response out before the scope is awaited, as `respond` of a
 * definition does, or nobody can read it. A response without a body is returned as it is. Throws `NO_SCOPE`.
 */
export function bindResponse(response: Response, options: BindResponseOptions = {}): Response {
  checkResponse('bind.response()', 'response', response)
  checkObject('bind.response()', 'options', options)
  const { idleMs = 30_000 } = options
  checkDuration('bind.response()', 'idleMs', idleMs)
  const home = takeHome('a response body', 'bind a response')
  if (response.body === null) return response
  if (response.body.locked) {
    throw wrongArgument('bind.response()', 'response', 'one that nobody reads', 'a locked body')
  }
  const scope = currentScope()
  const ended = openPromise<void>()
  // First, because a scope that is closing refuses it: then the body is still the caller's.
  void scope.spawn('response body', () => ended[0])
  const body = holdBody(response.body, home, scope, idleMs, ended[1].resolve)
  const { status, statusText, headers } = response
  return new Response(body, { status, statusText, headers })
}

/** The body read chunk by chunk at home. `settle` is called when there is nothing more to wait for. */
function holdBody(
  source: ReadableStream<Uint8Array>,
  home: Home,
  scope: Scope,
  idleMs: number,
  settle: () => void,
): ReadableStream<Uint8Array> {
  const reader = source.getReader()
  let stopIdle: () => void = () => undefined
  let giveUp: (reason: unknown) => void = () => undefined
  const { signal } = scope
  const onAbort = (): void => giveUp(signal.reason)

  function end(): void {
    stopIdle()
    signal.removeEventListener('abort', onAbort)
    settle()
  }

  function armIdle(): void {
    stopIdle = startTimer(idleMs, () =>
      giveUp(
        new ContextError(
          'DEADLINE_EXCEEDED',
          `The body of a response went unread for ${idleMs} ms and was cancelled. Read it, or cancel it.`,
          { scopeId: scope.id },
        ),
      ),
    )
  }

  async function cancel(reason: unknown): Promise<void> {
    await home.enter('cancel a response body', () => reader.cancel(reason))
  }

  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        giveUp = (reason) => {
          giveUp = () => undefined
          controller.error(reason)
          cancel(reason).then(end, end)
        }
      },
      async pull(controller) {
        stopIdle()
        try {
          const { done, value } = await home.pull('read a response body', async () => reader.read())
          if (done) {
            controller.close()
            end()
            return
          }
          controller.enqueue(value)
          armIdle()
        } catch (error) {
          controller.error(error)
          // A reader that was refused leaves a source that would wait for another one.
          cancel(error).then(end, end)
        }
      },
      cancel: async (reason) => {
        stopIdle()
        try {
          await cancel(reason)
        } finally {
          end()
        }
      },
    },
    { highWaterMark: 0 },
  )
  armIdle()
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  return body
}
