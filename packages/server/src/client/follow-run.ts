import type { AgentEvent } from '@ringfence/engine'
import { ApiError } from './api-error.ts'
import type { Connection } from './connection.ts'
import { eventBlocks } from './event-blocks.ts'
import { pause } from './pause.ts'

export interface FollowOptions {
  /** The number of the last event that was seen. Default: none, so that the first comes first. */
  readonly after?: number | undefined
  /** Ends the following: the iteration throws its reason. The run goes on. */
  readonly signal?: AbortSignal | undefined
  /** How often in a row a connection may fail, before the iteration throws why. Default: 10. */
  readonly attempts?: number | undefined
  /** Milliseconds until the first new attempt; each further one waits twice as long, at most 30 s. Default: 500. */
  readonly delayMs?: number | undefined
}

const longestDelayMs = 30_000

/**
 * A run's events, up to its end. A connection that is cut is made again after the last event that was seen, so that none
 * is missing and none comes twice.
 */
export async function* followRun(
  connection: Connection,
  runId: string,
  { after, signal, attempts = 10, delayMs = 500 }: FollowOptions,
): AsyncGenerator<AgentEvent, void, undefined> {
  const path = `/v1/runs/${encodeURIComponent(runId)}/events`
  let cursor = after === undefined ? undefined : `${runId}:${after}`
  let failures = 0
  let wait = delayMs
  for (;;) {
    try {
      const response = await connection.request(path, {
        headers: {
          accept: 'text/event-stream',
          ...(cursor === undefined ? {} : { 'last-event-id': cursor }),
        },
        signal,
      })
      if (response.status === 204 || response.body === null) return
      for await (const { id, name, data } of eventBlocks(response.body)) {
        // A problem is the stream's, not the run's: what the next request is answered with counts.
        if (data === undefined || name === 'problem') continue
        failures = 0
        wait = delayMs
        cursor = id ?? cursor
        const event = read(data)
        yield event
        if (isLast(event)) return
      }
      failures += 1
      if (failures >= attempts) throw brokenOff()
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      if (!isPassing(error)) throw error
      failures += 1
      if (failures >= attempts) throw error
      wait = Math.max(wait, (ApiError.is(error) && error.retryAfterMs) || 0)
    }
    await pause(wait, signal)
    wait = Math.min(wait * 2, longestDelayMs)
  }
}

/** What was cut, what is busy, and what is starting anew: all else will be no better the next time. */
function isPassing(error: unknown): boolean {
  if (!ApiError.is(error)) return false
  const { status, code } = error
  return status === undefined ? code === 'unreachable' : status === 429 || status >= 500
}

function read(data: string): AgentEvent {
  // The server's word: `agentEvent` of @ringfence/engine checks it for whoever wants that.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return JSON.parse(data) as AgentEvent
}

function isLast({ type }: AgentEvent): boolean {
  return type === 'agent_completed' || type === 'agent_error' || type === 'agent_cancelled'
}

function brokenOff(): ApiError {
  return new ApiError({
    code: 'unreachable',
    message: 'The stream was cut again and again before the run had ended.',
  })
}
