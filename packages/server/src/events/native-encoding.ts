import { encodeEvent } from './encode-event.ts'
import type { EventEncoding } from './event-encoding.ts'

/** The events as they are. A stream that breaks off just ends: whoever reads it comes back for the rest. */
export function nativeEncoding(retryMs: number): EventEncoding {
  return { begin: `retry: ${retryMs}\n\n`, encode: encodeEvent, end: () => '' }
}
