import { bindResponse, type BindResponseOptions } from '../binding/bind-response.ts'
import {
  checkDuration,
  checkFunction,
  checkObject,
  checkOptionalFunction,
  checkResponse,
} from '../internal/argument.ts'
import type { ContextDefinition } from '../user-context/user-context.ts'
import { openRun } from './run.ts'
import type { Scope, ScopeOptions } from './scope.ts'

export interface RespondOptions extends ScopeOptions, BindResponseOptions {
  /**
   * Told of what fails after the response was handed out: a cleanup, a task nobody awaited. By then there is
   * nobody left to reject to. Default: nobody is told.
   */
  readonly onLateError?: (error: unknown) => void
}

/** Runs a request's handler in a scope that stays open until the body of its response has ended (I4). */
export function openResponse(
  definition: ContextDefinition,
  input: unknown,
  given: RespondOptions,
  handler: (scope: Scope) => Response | PromiseLike<Response>,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    checkFunction('respond()', 'handler', handler)
    checkObject('respond()', 'options', given)
    const { idleMs, onLateError, ...options } = given
    checkOptionalFunction('respond()', 'onLateError', onLateError)
    if (idleMs !== undefined) checkDuration('respond()', 'idleMs', idleMs)
    let handedOut = false
    openRun(definition, input, options, async (scope) => {
      const response = await handler(scope)
      checkResponse('respond()', 'what the handler returned', response)
      if (response.body === null) return response
      const held = bindResponse(response, idleMs === undefined ? {} : { idleMs })
      handedOut = true
      resolve(held)
      return held
    }).then(resolve, (error: unknown) => {
      if (handedOut) onLateError?.(error)
      else reject(error)
    })
  })
}
