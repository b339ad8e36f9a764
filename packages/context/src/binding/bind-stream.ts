import type { ReadableStreamDefaultController, UnderlyingSource } from 'node:stream/web'
import { checkObject } from '../internal/argument.ts'
import { takeHome, type Home } from '../internal/home.ts'
import { admitReaders } from './admit-readers.ts'
import { openStream } from './open-stream.ts'

/**
 * A stream whose source runs in the scope that is current now, whoever reads (I7). On Node and Deno the later
 * pulls of a plain stream, and its cancel, run as its reader; on workerd they run as nobody.
 *
 * Takes a stream, or the underlying source of one: on runtimes where a stream's own pulls lose their scope
 * (workerd), only the source can be brought home. Reading from another owner's open scope errors with
 * `CROSS_OWNER` before a chunk is produced, by whatever method of the stream, its readers and its branches. After the
 * scope has closed, a read errors with `SCOPE_CLOSED`. What a pipe makes of it (`pipeThrough`) is the program's own.
 */
export function bindStream<Chunk>(
  source: ReadableStream<Chunk> | UnderlyingSource<Chunk>,
): ReadableStream<Chunk> {
  checkObject('bind.stream()', 'source', source)
  const home = takeHome('a bound stream', 'bind a stream', source)
  const stream = openAtHome(
    home,
    source instanceof ReadableStream ? sourceOf(source, home) : source,
  )
  return admitReaders(stream, (attempt, read) => home.pull(attempt, read))
}

function sourceOf<Chunk>(stream: ReadableStream<Chunk>, home: Home): UnderlyingSource<Chunk> {
  const reader = home.enter('read a stream', () => stream.getReader())
  return {
    async pull(controller) {
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  }
}

function openAtHome<Chunk>(home: Home, source: UnderlyingSource<Chunk>): ReadableStream<Chunk> {
  type Controller = ReadableStreamDefaultController<Chunk>

  /** Lets the caller in. Where it is refused, the platform ends the stream, and the source must not wait for more. */
  function admit(attempt: string): void {
    try {
      home.admit(attempt)
    } catch (error) {
      if (home.cell.state !== undefined) cancel(error).catch(() => undefined)
      throw error
    }
  }

  async function cancel(reason: unknown): Promise<void> {
    await home.enter('cancel a stream', () => source.cancel?.(reason))
  }

  return openStream<Chunk>({
    start: (controller: Controller) =>
      home.enter('start a stream', () => source.start?.(controller)),
    pull: (controller: Controller) => {
      admit('read a stream')
      return home.enter('read a stream', () => source.pull?.(controller))
    },
    cancel: (reason) => {
      admit('cancel a stream')
      return cancel(reason)
    },
  })
}
