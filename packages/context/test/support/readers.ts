/** A reader as the platform itself takes one: not through what stands on the stream. */
export function readerOf<Chunk>(
  stream: ReadableStream<Chunk> | null,
): ReadableStreamDefaultReader<Chunk> {
  if (stream === null) throw new Error('there is no body to read')
  return new ReadableStreamDefaultReader<Chunk>(stream)
}

/** All that a stream has, in order. */
export async function collect<Chunk>(stream: ReadableStream<Chunk>): Promise<Chunk[]> {
  const chunks: Chunk[] = []
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return chunks
    chunks.push(value)
  }
}
