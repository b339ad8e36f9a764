import { tryCurrentScope } from '@ringfence/context'
import * as z from 'zod'
import { checkFits } from '../body/check-fits.ts'
import { identifier } from '../body/fields.ts'
import { authorized } from '../handler/admit.ts'
import type { Call } from '../handler/route.ts'
import { refuseUserFields } from '../identity/user-fields.ts'
import type { SocketPort } from '../socket/socket-port.ts'
import { stopped, type SocketProtocol } from '../socket/socket-protocol.ts'
import { chatOptions, clientMessages, lastUserMessage } from './chat-request.ts'
import { activeRunOf } from './thread-runs.ts'
import { UiMessageEncoder } from './ui-message-encoder.ts'

const requestId = z.string().min(1).max(64)
const body = z.record(z.string(), z.unknown()).default({})

const send = z.object({
  type: z.literal('send'),
  requestId,
  id: identifier,
  messages: clientMessages,
  body,
})
const resume = z.object({ type: z.literal('resume'), requestId, id: identifier })
const abort = z.object({ type: z.literal('abort'), requestId })
const chatFrame = z.discriminatedUnion('type', [send, resume, abort])

/**
 * The frames of the AI SDK's `WebSocketChatTransport`. The `headers` in a frame are no credentials and are not looked at:
 * a socket is one user's, from its beginning to its end.
 */
export const chatProtocol: SocketProtocol = {
  greeting: () => undefined,
  idOf(value) {
    if (typeof value !== 'object' || value === null || !('requestId' in value)) return undefined
    return requestId.safeParse(value.requestId).data
  },
  read(value) {
    const frame = checkFits(chatFrame, value)
    if (frame.type === 'abort') return { stop: frame.requestId }
    if (frame.type === 'send') refuseUserFields(Object.keys(frame.body), 'frame')
    return {
      id: frame.requestId,
      label: `chat ${frame.type}`,
      startsRun: frame.type === 'send',
      perform: (call, port, signal) =>
        frame.type === 'send' ? answer(call, frame, port, signal) : goOn(call, frame, port, signal),
    }
  },
  refusal: (id, { message, code }) => ({
    type: 'error',
    requestId: id ?? '',
    errorText: `${code}: ${message}`,
  }),
}

/** A client that stops what it has sent ends the run; one whose connection goes does not. */
async function answer(
  call: Call,
  frame: z.output<typeof send>,
  port: SocketPort,
  signal: AbortSignal,
): Promise<void> {
  const { core, actor, scope } = call
  const { agent, threadPolicy, onDisconnect } = checkFits(chatOptions, frame.body)
  await authorized(core, actor, 'runs.start', { agent, threadId: frame.id })
  const message = lastUserMessage(frame.messages)
  const { runId } = await core.engine.start(
    agent,
    { message },
    {
      threadId: frame.id,
      threadPolicy,
      signal: onDisconnect === 'cancel' ? scope.signal : undefined,
    },
  )
  try {
    await tell(call, runId, frame.requestId, port, signal)
  } finally {
    if (signal.reason === stopped) await core.engine.cancel(runId)
  }
}

async function goOn(
  call: Call,
  { id, requestId: request }: z.output<typeof resume>,
  port: SocketPort,
  signal: AbortSignal,
): Promise<void> {
  await authorized(call.core, call.actor, 'runs.follow', { threadId: id })
  const run = await activeRunOf(call.core.engine, id)
  if (run === undefined) return port.send({ type: 'no-active', requestId: request })
  await tell(call, run.runId, request, port, signal)
}

/** The whole message, from its beginning: that is what a client that resumes over this transport asks for. */
async function tell(
  { core }: Call,
  runId: string,
  request: string,
  port: SocketPort,
  signal: AbortSignal,
): Promise<void> {
  const encoder = new UiMessageEncoder()
  let sequence = 0
  await port.send({ type: 'start', requestId: request })
  const options = { backPressure: { policy: 'coalesce' }, signal } as const
  for await (const event of await core.engine.events(runId, options)) {
    if (tryCurrentScope() === undefined || signal.aborted) return
    for (const chunk of encoder.encode(event)) {
      await port.send({ type: 'chunk', requestId: request, sequence, chunk })
      sequence += 1
    }
  }
  if (!signal.aborted) await port.send({ type: 'end', requestId: request })
}
