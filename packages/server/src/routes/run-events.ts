import type { RunRecord } from '@ringfence/engine'
import * as z from 'zod'
import { backPressure } from '../body/fields.ts'
import { parseCursor } from '../events/event-id.ts'
import { answerWithEvents } from '../events/stream-answer.ts'
import { noContent } from '../handler/no-content.ts'
import { queryOf } from '../handler/query-of.ts'
import type { Answer, Call, OwnedRoute } from '../handler/route.ts'
import { Problem } from '../problems/problem.ts'
import { runIdOf } from './runs.ts'

/** A run's events: those after the cursor, then those to come. */
export const followRun: OwnedRoute = {
  method: 'GET',
  path: '/v1/runs/:id/events',
  contract: {
    summary: "A run's events: those after the cursor, then those to come.",
    query: z.object({ after: z.string().optional(), backPressure }),
    headers: { 'last-event-id': 'The id of the last event seen. It wins over `after`.' },
    answers: {
      200: {
        description: 'The events.',
        schema: 'AgentEvent',
        mediaType: 'text/event-stream',
      },
      204: { description: 'The run has ended, and nothing is left to come.' },
    },
    problems: [
      'run_not_found',
      'invalid_query',
      'invalid_cursor',
      'cursor_evicted',
      'too_many_streams',
    ],
  },
  action: 'runs.follow',
  ticket: 'stream',
  handle: follow,
}

async function follow(call: Call): Promise<Answer> {
  const { core, exchange } = call
  const runId = runIdOf(call)
  const { backPressure: policy } = queryOf(call, z.object({ backPressure }))
  const after = cursorOf(call, runId)
  const run = await core.engine.run(runId)
  if (after !== undefined && after > run.lastSeq) throw new Problem('invalid_cursor')
  // With nothing left to come, 204 is what keeps an EventSource from coming back for ever.
  if (after !== undefined && after === run.lastSeq && hasEnded(run)) {
    return noContent(exchange)
  }
  return answerWithEvents(call, () =>
    core.engine.follow(runId, { after, backPressure: policy && { policy } }),
  )
}

/** The header is what a reconnecting `EventSource` sends, so it is newer than the query. */
function cursorOf({ hono }: Call, runId: string): number | undefined {
  const header = hono.req.header('last-event-id')
  if (header !== undefined && header !== '') return parseCursor(runId, header, false)
  const query = hono.req.query('after')
  return query === undefined ? undefined : parseCursor(runId, query, true)
}

function hasEnded({ status }: RunRecord): boolean {
  return status !== 'queued' && status !== 'running'
}
