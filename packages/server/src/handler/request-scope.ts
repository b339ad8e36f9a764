import { runOutside, type Scope } from '@ringfence/context'
import type { Identity } from '../identity/identity.ts'
import type { Core } from './core.ts'
import { logExchange, logFailure, type Exchange } from './exchange.ts'
import type { Answer } from './route.ts'

/**
 * Runs a request's work in a scope of its owner. A plain answer is handed out when the scope has closed, at once where
 * the work waits for nothing; a streamed one when it begins: its scope stays open until the body has ended.
 */
export function inRequestScope(
  core: Core,
  exchange: Exchange,
  identity: Identity,
  work: (scope: Scope) => Answer | Promise<Answer>,
): Response | Promise<Response> {
  const { userId, tenantId, roles, context } = identity
  const input = { ...context, userId, tenantId, roles, requestId: exchange.requestId }
  const options = {
    label: `${exchange.method} ${exchange.route}`,
    // Whoever asked has left by then: what still ignores that is fenced and reported.
    closeBudgetMs: 1_000,
  }
  let opened: Scope | undefined
  let atOnce: Response | undefined
  let waiting: WaitingAnswer | undefined
  const run = core.context.run(input, options, (scope) => {
    opened = scope
    exchange.scopeId = scope.id
    const answer = work(scope)
    if (answer instanceof Response) {
      atOnce = answer
      return undefined
    }
    waiting = new WaitingAnswer(core, exchange)
    return waiting.whole(scope, answer)
  })
  const answer = atOnce
  if (answer === undefined) return (waiting ?? new WaitingAnswer(core, exchange)).until(run)
  // Open still where it has something to clean up.
  return opened?.lifecycle === 'closed' ? answer : run.then(() => answer)
}

/** An answer that has to be waited for. What a stream holds for as long as it goes on is in here, and nothing else. */
class WaitingAnswer {
  readonly #core: Core
  readonly #exchange: Exchange
  #begun:
    | { readonly resolve: (response: Response) => void; readonly reject: (error: unknown) => void }
    | undefined
  /** When the scope closes of an answer that goes on. Never rejects. */
  #closed: Promise<void> | undefined
  #status = 0
  #stopFollowing: (() => void) | undefined
  #whyLeft: unknown

  constructor(core: Core, exchange: Exchange) {
    this.#core = core
    this.#exchange = exchange
  }

  /** In the scope: what its callback waits for, which for a stream is its end. */
  whole(scope: Scope, answer: Answer | Promise<Answer>): Promise<Response | undefined> {
    this.#stopFollowing = this.#exchange.onLeave(() => this.#leave(scope))
    return Promise.resolve(answer).then((given) => {
      if (given instanceof Response) return given
      this.#stream(given.response)
      return given.ended.then(nothing)
    })
  }

  /** Outside: resolves when the answer can be handed out. Nothing that waits for the scope's end leads to that answer. */
  until(run: Promise<Response | undefined>): Promise<Response> {
    const begun = new Promise<Response>((resolve, reject) => {
      this.#begun = { resolve, reject }
    })
    this.#closed = run.then(
      (response) => this.#end(response),
      (error: unknown) => this.#fail(error),
    )
    return begun
  }

  #end(response: Response | undefined): void {
    this.#stopFollowing?.()
    if (response === undefined) this.#streamed()
    else this.#begun?.resolve(response)
  }

  #fail(error: unknown): void {
    this.#stopFollowing?.()
    if (!this.#exchange.streamed) {
      this.#begun?.reject(error)
      return
    }
    if (error !== this.#whyLeft) logFailure(this.#core, this.#exchange, error)
    this.#streamed()
  }

  /** A stream has ended, and its scope has closed. */
  #streamed(): void {
    if (this.#closed !== undefined) this.#core.streams.delete(this.#closed)
    // A socket's status is what the client saw, not what the adapter makes of the answer.
    const status = this.#exchange.closeCode === undefined ? this.#status : 101
    logExchange(this.#core, this.#exchange, status)
  }

  /** The client has left. From outside: whoever notices may have a scope of somebody else. */
  #leave(scope: Scope): void {
    if (scope.lifecycle === 'closed') return
    this.#whyLeft = new DOMException('The client has left', 'AbortError')
    runOutside(() => scope.abort(this.#whyLeft))
  }

  #stream(response: Response): void {
    this.#exchange.streamed = true
    // The answer itself is not held until its end.
    this.#status = response.status
    if (this.#closed !== undefined) this.#core.streams.add(this.#closed)
    this.#begun?.resolve(response)
    this.#begun = undefined
  }
}

const nothing = (): undefined => undefined
