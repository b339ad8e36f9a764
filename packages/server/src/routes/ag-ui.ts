import { agUiEncoding } from '../ag-ui/ag-ui-encoding.ts'
import { lastUserMessage, runAgentInput } from '../ag-ui/run-agent-input.ts'
import { bodyOf, readBody } from '../body/read-body.ts'
import { answerWithEvents } from '../events/stream-answer.ts'
import type { Answer, Call, OwnedRoute } from '../handler/route.ts'
import { draining } from '../problems/to-problem.ts'
import { startProblems } from './start-run.ts'

/** A run over the AG-UI protocol, for an unmodified `HttpAgent`. */
export const runAgUi: OwnedRoute = {
  method: 'POST',
  path: '/v1/ag-ui/:name',
  contract: {
    summary: 'A run over the AG-UI protocol, for its `HttpAgent`.',
    body: runAgentInput,
    answers: {
      200: {
        description: "The run, as AG-UI's events.",
        schema: 'AgUiEvent',
        mediaType: 'text/event-stream',
      },
    },
    problems: startProblems,
  },
  action: 'runs.start',
  admission: 'run',
  handle: run,
}

async function run(call: Call): Promise<Answer> {
  const { core, hono, exchange, scope } = call
  if (core.draining) throw draining()
  const {
    threadId,
    runId: named,
    messages,
    forwardedProps,
  } = await readBody(bodyOf(call), runAgentInput)
  const { onDisconnect, threadPolicy } = forwardedProps
  const input = { message: lastUserMessage(messages) }
  const { runId } = await core.engine.start(hono.req.param('name') ?? '', input, {
    threadId,
    threadPolicy,
    signal: onDisconnect === 'cancel' ? scope.signal : undefined,
  })
  exchange.runId = runId
  const events = () => core.engine.follow(runId, { backPressure: { policy: 'coalesce' } })
  return answerWithEvents(call, events, { encoding: agUiEncoding({ threadId, runId: named }) })
}
