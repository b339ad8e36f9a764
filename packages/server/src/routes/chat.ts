import { chatRequest, lastUserMessage } from '../chat/chat-request.ts'
import { activeRunOf, cancelThread } from '../chat/thread-runs.ts'
import { uiMessageEncoding } from '../chat/ui-message-encoding.ts'
import { bodyOf, readBody } from '../body/read-body.ts'
import { answerWithEvents } from '../events/stream-answer.ts'
import { authorized } from '../handler/admit.ts'
import { noContent } from '../handler/no-content.ts'
import { pathId } from '../handler/path-id.ts'
import type { Answer, Call, OwnedRoute } from '../handler/route.ts'
import { draining } from '../problems/to-problem.ts'
import { startProblems } from './start-run.ts'

const streamed = {
  description: "The answer, as the AI SDK's UI message stream.",
  schema: 'UiMessageChunk',
  mediaType: 'text/event-stream',
} as const

/** A chat message in, the answer of an agent out, for an unmodified `useChat`. */
export const sendChat: OwnedRoute = {
  method: 'POST',
  path: '/v1/chat',
  contract: {
    summary: "One message of a chat, for the AI SDK's `useChat`.",
    body: chatRequest,
    answers: { 200: streamed },
    problems: startProblems,
  },
  action: 'runs.start',
  asks: 'itself',
  admission: 'run',
  handle: send,
}

/** The answer that is being given in a chat, from its beginning. */
export const resumeChat: OwnedRoute = {
  method: 'GET',
  path: '/v1/chat/:id/stream',
  contract: {
    summary: 'The answer that is being given in a chat, from its beginning.',
    answers: {
      200: streamed,
      204: { description: 'Nothing is being answered in a chat of this id.' },
    },
    problems: ['invalid_query', 'cursor_evicted', 'too_many_streams'],
  },
  action: 'runs.follow',
  asks: 'itself',
  handle: resume,
}

/** Ends what is being answered in a chat. */
export const stopChat: OwnedRoute = {
  method: 'POST',
  path: '/v1/chat/:id/stop',
  contract: {
    summary: 'Ends what is being answered in a chat.',
    answers: { 204: { description: 'Nothing is being answered in a chat of this id.' } },
    problems: ['invalid_query'],
  },
  action: 'runs.cancel',
  asks: 'itself',
  async handle(call) {
    const { core, actor } = call
    const threadId = pathId(call)
    await authorized(core, actor, 'runs.cancel', { threadId })
    await cancelThread(core.engine, threadId)
    return noContent(call.exchange)
  },
}

async function send(call: Call): Promise<Answer> {
  const { core, exchange, actor, scope } = call
  if (core.draining) throw draining()
  const body = await readBody(bodyOf(call), chatRequest)
  const { id: threadId, agent, threadPolicy } = body
  await authorized(core, actor, 'runs.start', { agent, threadId })
  const { runId } = await core.engine.start(
    agent,
    { message: lastUserMessage(body.messages) },
    { threadId, threadPolicy, signal: body.onDisconnect === 'cancel' ? scope.signal : undefined },
  )
  exchange.runId = runId
  return answerWithMessage(call, runId)
}

async function resume(call: Call): Promise<Answer> {
  const { core, exchange, actor } = call
  const threadId = pathId(call)
  await authorized(core, actor, 'runs.follow', { threadId })
  const run = await activeRunOf(core.engine, threadId)
  // The same where there is no such chat, where it is somebody else's, and where nothing goes on in it.
  if (run === undefined) return noContent(call.exchange)
  exchange.runId = run.runId
  return answerWithMessage(call, run.runId)
}

function answerWithMessage(call: Call, runId: string): Promise<Answer> {
  const events = () => call.core.engine.follow(runId, { backPressure: { policy: 'coalesce' } })
  return answerWithEvents(call, events, {
    encoding: uiMessageEncoding(),
    headers: { 'x-vercel-ai-ui-message-stream': 'v1' },
  })
}
