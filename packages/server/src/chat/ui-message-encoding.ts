import type { EventEncoding } from '../events/event-encoding.ts'
import type { UiMessageChunk } from './ui-message-chunk.ts'
import { UiMessageEncoder } from './ui-message-encoder.ts'

/** A run as the AI SDK's UI message stream over server-sent events. */
export function uiMessageEncoding(): EventEncoding {
  const encoder = new UiMessageEncoder()
  const write = (chunks: readonly UiMessageChunk[]): string =>
    chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('')
  return {
    begin: '',
    encode: (event) => write(encoder.encode(event)),
    end: (complete) => `${complete ? '' : write(encoder.breakOff())}data: [DONE]\n\n`,
  }
}
