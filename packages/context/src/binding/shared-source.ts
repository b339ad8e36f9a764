import type { ReadableStreamReadResult } from 'node:stream/web'
import type { Door } from './door.ts'
import { openStream } from './open-stream.ts'

/** What several readers share. */
interface Source<Chunk> {
  read(): Promise<ReadableStreamReadResult<Chunk>>
  cancel(reason: unknown): Promise<unknown>
  /** What each further reader gets of a chunk. Default: the chunk itself. */
  copy?(chunk: Chunk): Chunk
}

/** One reader's place: what others have read already, and it has not. */
export interface Branch<Chunk> {
  readonly unread: { readonly chunk: Chunk }[]
}

/**
 * One source for several readers, each of which gets every chunk, as the platform's `tee` has it. But what one of
 * them has not read yet waits here, behind a door, and not in a stream that anybody may read.
 */
export class SharedSource<Chunk> {
  readonly #source: Source<Chunk>
  readonly #branches = new Set<Branch<Chunk>>()
  #reading: Promise<void> | undefined
  #ended = false

  constructor(source: Source<Chunk>) {
    this.#source = source
  }

  open(): Branch<Chunk> {
    const branch: Branch<Chunk> = { unread: [] }
    this.#branches.add(branch)
    return branch
  }

  /** The next chunk of a branch; undefined where there is none any more. */
  async next(branch: Branch<Chunk>): Promise<{ readonly chunk: Chunk } | undefined> {
    for (;;) {
      const next = branch.unread.shift()
      if (next !== undefined || this.#ended) return next
      await (this.#reading ??= this.#read())
    }
  }

  /** The last one to leave cancels the source. */
  async leave(branch: Branch<Chunk>, reason: unknown): Promise<void> {
    branch.unread.length = 0
    if (!this.#branches.delete(branch) || this.#branches.size > 0 || this.#ended) return
    this.#ended = true
    await this.#source.cancel(reason)
  }

  async #read(): Promise<void> {
    try {
      const result = await this.#source.read()
      if (result.done) this.#ended = true
      else this.#handOut(result.value)
    } finally {
      this.#reading = undefined
    }
  }

  #handOut(value: Chunk): void {
    let chunk = value
    for (const { unread } of this.#branches) {
      unread.push({ chunk })
      chunk = this.#source.copy?.(value) ?? value
    }
  }
}

/** A stream of its own for one reader of a shared source. */
export function openBranch<Chunk>(shared: SharedSource<Chunk>, door: Door): ReadableStream<Chunk> {
  const branch = shared.open()
  const leave = (reason: unknown): void => void shared.leave(branch, reason).catch(() => undefined)
  return openStream<Chunk>({
    async pull(controller) {
      try {
        const next = await door('read a stream', () => shared.next(branch))
        if (next === undefined) controller.close()
        else controller.enqueue(next.chunk)
      } catch (error) {
        // The platform ends a stream whose source refuses.
        leave(error)
        throw error
      }
    },
    async cancel(reason) {
      try {
        await door('cancel a stream', () => shared.leave(branch, reason))
      } catch (error) {
        leave(error)
        throw error
      }
    },
  })
}
