import type { ReadableStreamDefaultController, ReadableStreamReadResult } from 'node:stream/web'
import { ContextError } from '../errors.ts'
import type { Home } from '../internal/home.ts'
import { startTimer } from '../internal/timer.ts'
import { scopeId, siteOf } from '../internal/violation.ts'
import type { Door } from './door.ts'
import { openStream } from './open-stream.ts'
import { SharedSource, type Branch } from './shared-source.ts'

type Controller = ReadableStreamDefaultController<Uint8Array>

/** What holds a body open, and lets go of it. */
interface Hold {
  readonly home: Home
  readonly door: Door
  /** The scope's. */
  readonly signal: AbortSignal
  readonly idleMs: number
  /** Called once, when there is nothing more to wait for. */
  readonly settle: () => void
}

/**
 * The body of a response, read at home chunk by chunk as its readers ask, until it ends, fails, is left by all of
 * them, has gone unread for too long, or the scope aborts.
 */
export class HeldBody {
  readonly #hold: Hold
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #shared: SharedSource<Uint8Array>
  readonly #controllers = new Set<Controller>()
  readonly #onAbort = (): void => this.#fail(this.#hold.signal.reason)
  #pulls = 0
  #failed = false
  #over = false
  #stopIdle: () => void = () => undefined

  constructor(source: ReadableStream<Uint8Array>, hold: Hold) {
    this.#hold = hold
    this.#reader = source.getReader()
    this.#shared = new SharedSource<Uint8Array>({
      read: () => this.#read(),
      cancel: (reason) => this.#cancel(reason),
      copy: (chunk) => chunk.slice(),
    })
    this.#armIdle()
    const { signal } = hold
    if (signal.aborted) this.#onAbort()
    else signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** A stream of the whole body, as long as nobody has read of it. */
  open(): ReadableStream<Uint8Array> {
    const branch = this.#shared.open()
    return openStream<Uint8Array>({
      start: (controller: Controller) => {
        if (this.#failed) controller.error(this.#hold.signal.reason)
        else this.#controllers.add(controller)
      },
      pull: (controller: Controller) => this.#pull(branch, controller),
      cancel: (reason) => this.#shared.leave(branch, reason),
    })
  }

  async #pull(branch: Branch<Uint8Array>, controller: Controller): Promise<void> {
    this.#pulls += 1
    this.#stopIdle()
    try {
      const next = await this.#hold.door('read a response body', () => this.#shared.next(branch))
      if (next === undefined) controller.close()
      else controller.enqueue(next.chunk)
    } catch (error) {
      controller.error(error)
      this.#controllers.delete(controller)
      // A reader that was refused leaves a source that would wait for another one.
      this.#shared.leave(branch, error).catch(() => undefined)
    } finally {
      this.#pulls -= 1
      this.#armIdle()
    }
  }

  async #read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    try {
      const result = await this.#hold.home.enter('read a response body', () => this.#reader.read())
      if (result.done) this.#end()
      return result
    } catch (error) {
      this.#fail(error)
      throw error
    }
  }

  async #cancel(reason: unknown): Promise<void> {
    try {
      await this.#hold.home.enter('cancel a response body', () => this.#reader.cancel(reason))
    } finally {
      this.#end()
    }
  }

  /** Ends it for every reader. */
  #fail(reason: unknown): void {
    if (this.#failed || this.#over) return
    this.#failed = true
    for (const controller of this.#controllers) controller.error(reason)
    this.#controllers.clear()
    this.#cancel(reason).catch(() => undefined)
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#stopIdle()
    this.#hold.signal.removeEventListener('abort', this.#onAbort)
    this.#hold.settle()
  }

  /** The time in which nobody reads. While somebody waits for the source, it is the source that is slow. */
  #armIdle(): void {
    if (this.#over || this.#pulls > 0) return
    this.#stopIdle()
    const { idleMs, home } = this.#hold
    this.#stopIdle = startTimer(idleMs, () =>
      this.#fail(
        new ContextError(
          'DEADLINE_EXCEEDED',
          `The body of a response went unread for ${idleMs} ms and was cancelled. Read it, or cancel it.`,
          { scopeId: scopeId(home.cell), site: siteOf(home.cell) },
        ),
      ),
    )
  }
}
