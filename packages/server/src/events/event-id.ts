import { Problem } from '../problems/problem.ts'

/** Where an event stands: `<runId>:<seq>`, the id of an SSE event. */
export function eventId(runId: string, seq: number): string {
  return `${runId}:${seq}`
}

/**
 * The number of the last event that a client has seen, from an event id of this run; `bare` allows the number
 * alone. Throws `invalid_cursor` for anything else, an id of another run among it.
 */
export function parseCursor(runId: string, value: string, bare: boolean): number {
  const [, run, digits] = /^(?:(.+):)?(\d{1,15})$/.exec(value) ?? []
  const named = run === undefined ? bare : run === runId
  if (digits === undefined || !named) {
    throw new Problem('invalid_cursor', { detail: 'The cursor is no event id of this run.' })
  }
  return Number(digits)
}
