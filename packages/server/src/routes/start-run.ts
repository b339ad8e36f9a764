import * as z from 'zod'
import { identifier, onDisconnect, threadPolicy } from '../body/fields.ts'
import { bodyOf, readBody } from '../body/read-body.ts'
import { acceptsEventStream } from '../events/accepts-event-stream.ts'
import { answerWithEvents } from '../events/stream-answer.ts'
import { jsonResponse } from '../handler/json-response.ts'
import { linksOf } from '../handler/links.ts'
import type { Answer, Call, OwnedRoute } from '../handler/route.ts'
import { Problem, type ProblemCode } from '../problems/problem.ts'
import { draining } from '../problems/to-problem.ts'
import { idempotencyKeyOf } from './idempotency-key.ts'

const bodySchema = z.strictObject({
  input: z.unknown(),
  threadId: identifier.optional(),
  threadPolicy,
  onDisconnect,
})

/** How any start of a run can be refused. */
export const startProblems: readonly ProblemCode[] = [
  'agent_not_found',
  'thread_busy',
  'owner_queue_full',
  'too_many_orphans',
  'too_many_streams',
  'queue_full',
  'draining',
]

/** Starts a run: 202 and where to follow it, or its events at once. */
export const startRun: OwnedRoute = {
  method: 'POST',
  path: '/v1/agents/:name/runs',
  contract: {
    summary: 'Starts a run.',
    headers: {
      accept: '`text/event-stream` for the events themselves, at once.',
      'idempotency-key':
        'One string in quotes: sent again with it, the request starts nothing again.',
    },
    body: bodySchema,
    answers: {
      200: {
        description: 'The events of the run.',
        schema: 'AgentEvent',
        mediaType: 'text/event-stream',
      },
      202: { description: 'The run is stored and waits for its turn.', schema: 'StartedRun' },
    },
    problems: [
      'invalid_idempotency_key',
      'request_in_progress',
      'idempotency_conflict',
      'idempotency_limit',
      ...startProblems,
    ],
  },
  action: 'runs.start',
  admission: 'run',
  handle: start,
}

async function start(call: Call): Promise<Answer> {
  const { core, hono, exchange, scope } = call
  // Before the body is read: the engine would refuse too, but only after ten million characters.
  if (core.draining) throw draining()
  const idempotencyKey = idempotencyKeyOf(hono.req.header('idempotency-key'))
  const body = await readBody(bodyOf(call), bodySchema)
  const streamed = acceptsEventStream(hono.req.header('accept'))
  const cancels = body.onDisconnect === 'cancel'
  if (cancels && !streamed) {
    throw new Problem('invalid_input', {
      errors: [
        {
          path: 'onDisconnect',
          message: '"cancel" needs a connection to lose: ask for text/event-stream',
        },
      ],
    })
  }
  const { runId } = await core.engine.start(hono.req.param('name') ?? '', body.input, {
    threadId: body.threadId,
    threadPolicy: body.threadPolicy,
    signal: cancels ? scope.signal : undefined,
    idempotencyKey,
  })
  exchange.runId = runId
  const links = linksOf(call, runId)
  if (streamed) {
    return answerWithEvents(call, () => core.engine.follow(runId), {
      headers: { 'content-location': links.events },
    })
  }
  const { status } = await core.engine.run(runId)
  const headers = { location: links.self }
  return jsonResponse(exchange, 202, { runId, status, links }, headers)
}
