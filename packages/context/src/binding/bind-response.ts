import { checkDuration, checkOptions, checkResponse, wrongArgument } from '../internal/argument.ts'
import { takeHome } from '../internal/home.ts'
import { currentScope } from '../scope/current-scope.ts'
import { openPromise } from '../scope/settlement.ts'
import { doorOf } from './door.ts'
import { HeldBody } from './held-body.ts'
import { createHeldResponse } from './held-response.ts'

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
 * It is read in the owner's scopes and by code that runs for nobody, as a server does; in another owner's scope it is
 * refused with `CROSS_OWNER`, and so are its copies (`clone`, `body.tee()`), also after the scope has closed. What a
 * pipe makes of it (`body.pipeThrough`) is the program's own.
 *
 * The scope waits for the body: hand the response out before the scope is awaited, as `respond` of a
 * definition does, or nobody can read it. A response without a body is returned as it is. Throws `NO_SCOPE`.
 */
export function bindResponse(response: Response, options: BindResponseOptions = {}): Response {
  checkResponse('bind.response()', 'response', response)
  checkOptions('bind.response()', 'options', options, { idleMs: true })
  const { idleMs = 30_000 } = options
  checkDuration('bind.response()', 'idleMs', idleMs)
  const home = takeHome('a response body', 'bind a response', response)
  if (response.body === null) return response
  if (response.body.locked) {
    throw wrongArgument('bind.response()', 'response', 'one that nobody reads', 'a locked body')
  }
  const scope = currentScope()
  const ended = openPromise<void>()
  // First, because a scope that is closing refuses it: then the body is still the caller's.
  void scope.spawn('response body', () => ended[0])
  const door = doorOf(scope.owner, home.cell)
  const settle = ended[1].resolve
  try {
    const body = new HeldBody(response.body, { home, door, signal: scope.signal, idleMs, settle })
    return createHeldResponse(response, body, door)
  } catch (error) {
    // It is somebody else's: nothing is waited for.
    settle()
    throw error
  }
}
