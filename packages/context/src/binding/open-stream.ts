import type { UnderlyingSource } from 'node:stream/web'
import { runOutside } from '../scope/run-outside.ts'

/**
 * A stream that reads nothing ahead, made as nobody: Bun pulls a stream in the context in which it was made, and a
 * scope that happened to make one may have closed when it is read.
 */
export function openStream<Chunk>(source: UnderlyingSource<Chunk>): ReadableStream<Chunk> {
  return runOutside(() => new ReadableStream<Chunk>(source, { highWaterMark: 0 }))
}
