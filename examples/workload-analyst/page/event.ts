/** One event of a run, as the server sends it over either transport. */
export interface AgentEvent {
  readonly type: string
  /** Absent on transient events: a place in the queue, progress. */
  readonly seq: number | undefined
  readonly at: string
  readonly runId: string
  readonly userId: string
  readonly agent: string
  readonly data: JsonObject
}

/** A JSON object of which nothing more is known. */
export type JsonObject = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The object under a name, empty where there is none. */
export const objectAt = (value: JsonObject, name: string): JsonObject => {
  const found = value[name]
  return isObject(found) ? found : {}
}

/** The list under a name, without what is not an object; empty where there is none. */
export const objectsAt = (value: JsonObject, name: string): JsonObject[] => {
  const found = value[name]
  return Array.isArray(found) ? found.filter(isObject) : []
}

/** The text under a name, empty where there is none. */
export const textAt = (value: JsonObject, name: string): string => {
  const found = value[name]
  return typeof found === 'string' ? found : ''
}

/** The finite number under a name; undefined where there is none. */
export const numberAt = (value: JsonObject, name: string): number | undefined => {
  const found = value[name]
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined
}

/** Reads an event from parsed JSON. Throws TypeError where it is none. */
export const readEvent = (value: unknown): AgentEvent => {
  if (!isObject(value) || textAt(value, 'type') === '' || textAt(value, 'runId') === '') {
    throw new TypeError('The server sent something that is not an event.')
  }
  return {
    type: textAt(value, 'type'),
    seq: numberAt(value, 'seq'),
    at: textAt(value, 'at'),
    runId: textAt(value, 'runId'),
    userId: textAt(value, 'userId'),
    agent: textAt(value, 'agent'),
    data: objectAt(value, 'data'),
  }
}

const terminal = new Set(['agent_completed', 'agent_error', 'agent_cancelled'])

/** Whether the event ends its run. */
export const isTerminal = (event: AgentEvent): boolean => terminal.has(event.type)
