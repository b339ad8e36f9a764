import type { Scope } from '@ringfence/context'
import type { Identity } from '../identity/identity.ts'
import type { Core } from './core.ts'
import { logFailure, type Exchange } from './exchange.ts'
import type { Answer } from './route.ts'

export interface Scoped {
  readonly response: Response
  /** When the scope has closed. Never rejects. */
  readonly closed: Promise<void>
}

/**
 * Runs a request's work in a scope of its owner. A plain answer is handed out when the scope has closed, a
 * streamed one at once: its scope stays open until the body has ended.
 */
export function inRequestScope(
  core: Core,
  exchange: Exchange,
  identity: Identity,
  work: (scope: Scope) => Answer | Promise<Answer>,
): Promise<Scoped> {
  const { userId, tenantId, roles, context } = identity
  const input = { ...context, userId, tenantId, roles, requestId: exchange.requestId }
  const options = {
    label: `${exchange.method} ${exchange.route}`,
    signal: exchange.signal,
    // Whoever asked has left by then: what still ignores that is fenced and reported.
    closeBudgetMs: 1_000,
  }
  return new Promise((resolve, reject) => {
    let streaming = false
    const scope = core.context.run(input, options, async (opened) => {
      exchange.scopeId = opened.id
      const answer = await work(opened)
      if (answer instanceof Response) return answer
      streaming = true
      exchange.streamed = true
      resolve({ response: answer.response, closed })
      await answer.ended
      return answer.response
    })
    const closed = scope.then(
      (response) => {
        if (!streaming) resolve({ response, closed: Promise.resolve() })
      },
      (error: unknown) => {
        if (!streaming) reject(error)
        else if (error !== exchange.signal.reason) logFailure(core, exchange, error)
      },
    )
  })
}
