import * as z from 'zod'
import { deepFreeze } from '../../internal/deep-freeze.ts'
import type { DurableEvent, UnnumberedEvent } from '../../events/agent-event.ts'
import type { Row } from '../database/database.ts'

const eventRow = z.object({ seq: z.int(), event: z.string() })

/** An event as it is stored: the number stands beside it. */
export function eventText(event: UnnumberedEvent): string {
  return JSON.stringify(event)
}

/** The event with its number. */
export function numbered(event: UnnumberedEvent, seq: number): DurableEvent {
  const { type, ...rest } = event
  // The union's members differ in type and data alone, and both are untouched.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return deepFreeze({ type, seq, ...rest }) as DurableEvent
}

/** The event as it was stored. It was checked by its type when it was written, by the only code that writes here. */
export function eventOf(row: Row): DurableEvent {
  const { seq, event } = eventRow.parse(row)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return numbered(JSON.parse(event) as UnnumberedEvent, seq)
}
