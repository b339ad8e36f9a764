import { ApiError } from './api-error.ts'

/** One event of `text/event-stream`, as far as this server uses it. */
export interface EventBlock {
  readonly id: string | undefined
  /** Its type. */
  readonly name: string | undefined
  readonly data: string | undefined
  readonly retryMs: number | undefined
}

/**
 * The blocks of a stream, as they come. What is left over when the stream breaks off is no block. Throws `unreachable`
 * where the connection is cut.
 */
export async function* eventBlocks(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<EventBlock, void, undefined> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw new ApiError({ code: 'unreachable', message: 'The stream was cut.', cause })
      })
      if (done) return
      const blocks = (rest + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/)
      rest = blocks.pop() ?? ''
      for (const block of blocks) yield parse(block)
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

function parse(block: string): EventBlock {
  let id: string | undefined
  let data: string | undefined
  let type: string | undefined
  let retryMs: number | undefined
  for (const line of block.split(/\r?\n/)) {
    const [, name, value = ''] = /^(\w+): ?(.*)$/.exec(line) ?? []
    if (name === 'id') id = value
    if (name === 'event') type = value
    if (name === 'data') data = data === undefined ? value : `${data}\n${value}`
    if (name === 'retry' && /^\d+$/.test(value)) retryMs = Number(value)
  }
  return { id, name: type, data, retryMs }
}
