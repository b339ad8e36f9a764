import type { EventEncoding } from '../events/event-encoding.ts'
import { AgUiEncoder, type AgUiNames } from './ag-ui-encoder.ts'
import type { AgUiEvent } from './ag-ui-event.ts'

/** A run as AG-UI's events over server-sent events. */
export function agUiEncoding(names: AgUiNames): EventEncoding {
  const encoder = new AgUiEncoder(names)
  const write = (events: readonly AgUiEvent[]): string =>
    events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')
  return {
    begin: '',
    encode: (event) => write(encoder.encode(event)),
    end: (complete) => (complete ? '' : write(encoder.breakOff())),
  }
}
