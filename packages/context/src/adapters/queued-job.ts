import { ContextError } from '../errors.ts'
import { takeHome, type Home } from '../internal/home.ts'
import { nameScope, scopeId, siteOf } from '../internal/violation.ts'
import { currentScope } from '../scope/current-scope.ts'

/** Work for a queue, as the application writes it. */
export type Job<Parameters extends unknown[], Result> = (
  ...parameters: Parameters
) => Result | PromiseLike<Result>

/**
 * A job on its way through somebody else's queue. The queue may hold on to it for ever, so it lets go of the
 * work and of whoever waits as soon as they are of no more use (I5).
 */
export class QueuedJob<Parameters extends unknown[], Result> {
  readonly #label: string
  readonly #home: Home
  readonly #waiting: Set<QueuedJob<never, unknown>>
  #work: Job<Parameters, Result> | undefined
  #refuse: ((reason: unknown) => void) | undefined
  #stopListening: (() => void) | undefined
  #cleared = false

  constructor(
    label: string,
    work: Job<Parameters, Result>,
    waiting: Set<QueuedJob<never, unknown>>,
  ) {
    this.#label = label
    this.#home = takeHome(label, `queue "${label}"`)
    this.#waiting = waiting
    this.#work = work
  }

  /** Hands the job in, and settles as the queue says, or with the signal's reason if that aborts before its turn. */
  async enqueue(
    signal: AbortSignal,
    submit: (start: (...parameters: Parameters) => Promise<Result>) => PromiseLike<Result>,
  ): Promise<Result> {
    signal.throwIfAborted()
    const withdrawn = this.#lineUp(signal)
    try {
      return await Promise.race([submit(this.#starter()), withdrawn])
    } finally {
      this.#leaveTheLine()
      this.#work = undefined
    }
  }

  /** Never resolves; rejects when the job is withdrawn. */
  #lineUp(signal: AbortSignal): Promise<never> {
    this.#waiting.add(this)
    const abort = (): void => this.withdraw(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    this.#stopListening = () => signal.removeEventListener('abort', abort)
    return new Promise((_resolve, reject) => {
      this.#refuse = reject
    })
  }

  /** What the queue holds on to: a way to the job, and nothing else of what is around here. */
  #starter(): (...parameters: Parameters) => Promise<Result> {
    return (...parameters) => this.#start(parameters)
  }

  /** Takes the job back before its turn. Once it has started, it is its own signal that ends it. */
  withdraw(reason: unknown, cleared: boolean = false): void {
    const refuse = this.#refuse
    if (refuse === undefined) return
    this.#cleared = cleared
    this.#work = undefined
    this.#leaveTheLine()
    refuse(reason)
  }

  // Asynchronous also where it refuses: not every queue survives a job that throws at once.
  async #start(parameters: Parameters): Promise<Result> {
    this.#leaveTheLine()
    const work = this.#work
    if (work === undefined) throw this.#refusal()
    // Joined by its scope of its own: a queue may stop waiting for a job that goes on, as at a timeout.
    return this.#home.enter(`start "${this.#label}"`, () =>
      currentScope().spawn(this.#label, async () => work(...parameters)),
    )
  }

  #leaveTheLine(): void {
    this.#waiting.delete(this)
    this.#stopListening?.()
    this.#stopListening = this.#refuse = undefined
  }

  /** For the queue. Not counted as a violation: that a user left while waiting is nobody's mistake. */
  #refusal(): Error {
    if (this.#cleared) return new DOMException('The queue was cleared', 'AbortError')
    const { cell } = this.#home
    return new ContextError(
      'SCOPE_CLOSED',
      `Cannot start "${this.#label}": ${nameScope(cell)} ended before its turn came. Nothing of it ran; the queue goes on.`,
      { scopeId: scopeId(cell), site: siteOf(cell) },
    )
  }
}
