import type { ReadableStreamDefaultController, UnderlyingSource } from 'node:stream/web'
import { checkObject } from '../internal/argument.ts'
import { takeHome, type Home } from '../internal/home.ts'
import { admitReaders } from './admit-readers.ts'

/**
 * A stream whose source runs in the scope that is current now, whoever reads (I7). On Node and Deno the later
 * pulls of a plain stream, and its cancel, run as its reader; on workerd they run as nobody.
 *
 * Takes a stream, or the underlying source of one: on runtimes where a stream's own pulls lose their scope
 * (workerd), only the source can be brought home. Reading from another owner's open scope errors with
 * `CROSS_OWNER` before a chunk is produced, by whatever method of the stream, its readers and its branches. After the
 * scope has closed, a read errors with `SCOPE_CLOSED`.
 */
export function bindStream<Chunk>(
  source: ReadableStream<Chunk> | UnderlyingSource<Chunk>,
): ReadableStream<Chunk> {
  checkObject('bind.stream()', 'source', source)
  const home = takeHome('a bound stream', 'bind a stream')
  const stream =
    source instanceof ReadableStream ? bindReadable(source, home) : bindSource(source, home)
  return admitReaders(stream, home)
}

function bindReadable<Chunk>(stream: ReadableStream<Chunk>, home: Home): ReadableStream<Chunk> {
  const reader = home.enter('read a stream', () => stream.getReader())
  return new ReadableStream<Chunk>(
    {
      pull: (controller) =>
        home.pull('read a stream', async () => {
          const { done, value } = await reader.read()
          if (done) controller.close()
          else controller.enqueue(value)
        }),
      cancel: (reason) => home.pull('cancel a stream', async () => reader.cancel(reason)),
    },
    { highWaterMark: 0 },
  )
}

function bindSource<Chunk>(source: UnderlyingSource<Chunk>, home: Home): ReadableStream<Chunk> {
  type Controller = ReadableStreamDefaultController<Chunk>
  return new ReadableStream<Chunk>(
    {
      start: (controller: Controller) =>
        home.enter('start a stream', () => source.start?.(controller)),
      pull: (controller: Controller) => home.pull('read a stream', () => source.pull?.(controller)),
      cancel: (reason) => home.pull('cancel a stream', () => source.cancel?.(reason)),
    },
    { highWaterMark: 0 },
  )
}
