import { encodeEvent } from './encode-event.ts'
import type { EventEncoding } from './event-encoding.ts'

/** The events as they are. A stream that breaks off says why, and ends: whoever reads it comes back for the rest. */
export function nativeEncoding(retryMs: number): EventEncoding {
  return {
    begin: `retry: ${retryMs}\n\n`,
    encode: encodeEvent,
    // It is no event of the run: it has no id, so that the last one seen stays the cursor.
    end: (_complete, problem) =>
      problem === undefined ? '' : `event: problem\ndata: ${problem}\n\n`,
  }
}
