import type { Door } from './door.ts'
import { openBranch, SharedSource } from './shared-source.ts'

/**
 * Has a stream refuse another owner's scope where it is read, and not only where its source is pulled: what is read
 * in the turn in which the stream was made is pulled as its maker on Node and Deno, and on Bun everything is. Rejects
 * and throws as the door does.
 *
 * What the platform itself reads (the body of a response that a server sends) passes by these methods, and meets the
 * pulls.
 */
export function admitReaders<Chunk>(
  stream: ReadableStream<Chunk>,
  door: Door,
): ReadableStream<Chunk> {
  const admitted = (name: string): ((...parameters: unknown[]) => unknown) => {
    const method: unknown = Reflect.get(stream, name)
    if (typeof method !== 'function') throw new TypeError(`This stream has no ${name}()`)
    return (...parameters) =>
      door('read a stream', (): unknown => Reflect.apply(method, stream, parameters))
  }
  const cancel = admitted('cancel')
  const getReader = admitted('getReader')
  const pipeTo = admitted('pipeTo')
  const rawReader = stream.getReader.bind(stream)

  /** Not the platform's: its branches read ahead, and what they have read they give to anybody. */
  function tee(): [ReadableStream<Chunk>, ReadableStream<Chunk>] {
    const reader = door('read a stream', () => rawReader())
    const shared = new SharedSource<Chunk>({
      read: () => reader.read(),
      cancel: (reason) => reader.cancel(reason),
    })
    const open = (): ReadableStream<Chunk> => admitReaders(openBranch(shared, door), door)
    return [open(), open()]
  }

  async function* values(
    options: { readonly preventCancel?: boolean } = {},
  ): AsyncGenerator<Chunk, undefined> {
    const reader = stream.getReader()
    let cancels = options.preventCancel !== true
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) {
          cancels = false
          return undefined
        }
        yield value
      }
    } catch (error) {
      cancels = false
      throw error
    } finally {
      if (cancels) await reader.cancel()
      reader.releaseLock()
    }
  }

  const methods: Record<PropertyKey, unknown> = {
    cancel: async (reason: unknown) => cancel(reason),
    getReader: (...options: unknown[]) => admitReading(getReader(...options), door),
    pipeThrough: admitted('pipeThrough'),
    pipeTo: async (...options: unknown[]) => pipeTo(...options),
    tee,
    values,
    [Symbol.asyncIterator]: values,
  }
  for (const name of Reflect.ownKeys(methods)) {
    Object.defineProperty(stream, name, {
      value: methods[name],
      configurable: true,
      writable: true,
    })
  }
  return stream
}

/** The same for a reader, which may be handed on after it was asked for. */
function admitReading(reader: unknown, door: Door): unknown {
  if (typeof reader !== 'object' || reader === null) return reader
  for (const [name, attempt] of [
    ['read', 'read a stream'],
    ['cancel', 'cancel a stream'],
  ] as const) {
    const method: unknown = Reflect.get(reader, name)
    if (typeof method !== 'function') continue
    Object.defineProperty(reader, name, {
      value: async (...parameters: unknown[]): Promise<unknown> =>
        door(attempt, (): unknown => Reflect.apply(method, reader, parameters)),
      configurable: true,
      writable: true,
    })
  }
  return reader
}
