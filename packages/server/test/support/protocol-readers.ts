import { HttpAgent } from '@ag-ui/client'
import { AbstractChat, DefaultChatTransport, type UIMessage } from 'ai'
import {
  AbstractChat as AbstractChat6,
  DefaultChatTransport as DefaultChatTransport6,
  type UIMessage as UIMessage6,
} from 'ai-6'
import { agUiEncoding } from '../../src/ag-ui/ag-ui-encoding.ts'
import { uiMessageEncoding } from '../../src/chat/ui-message-encoding.ts'
import type { EventEncoding } from '../../src/events/event-encoding.ts'
import { story, type Told } from './story.ts'

/** What a client has made of a story. */
export interface ReadMessage {
  readonly parts: readonly Record<string, unknown>[]
  readonly metadata: unknown
  readonly error: string | undefined
  /** What came and is not kept. */
  readonly passing: readonly unknown[]
}

const terminal = new Set(['agent_completed', 'agent_error', 'agent_cancelled'])

/** The story as a stream of the protocol, which breaks off where the story has no end. */
function streamed(encoding: EventEncoding, told: readonly Told[]): Response {
  const complete = terminal.has(told.at(-1)?.type ?? '')
  const text = story(told).map((event) => encoding.encode(event))
  const body = [encoding.begin, ...text, encoding.end(complete)].join('')
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

/** The state that a chat of the SDK keeps, without React. */
class PlainState<Message> {
  status: 'submitted' | 'streaming' | 'ready' | 'error' = 'ready'
  error: Error | undefined
  messages: Message[] = []
  pushMessage = (message: Message): void => {
    this.messages.push(message)
  }
  popMessage = (): void => {
    this.messages.pop()
  }
  replaceMessage = (index: number, message: Message): void => {
    this.messages[index] = message
  }
  snapshot = <Value>(value: Value): Value => structuredClone(value)
}

class Chat7 extends AbstractChat<UIMessage> {}
class Chat6 extends AbstractChat6<UIMessage6> {}

/** What `useChat` makes of a story: its parser and its state, of both versions, are the packages' own. */
export const chats: readonly (readonly [
  string,
  (told: readonly Told[]) => Promise<ReadMessage>,
])[] = [
  [
    'ai 7',
    async (told) => {
      const passing: unknown[] = []
      const chat = new Chat7({
        state: new PlainState<UIMessage>(),
        onData: (part) => passing.push(part),
        transport: new DefaultChatTransport({
          fetch: () => Promise.resolve(streamed(uiMessageEncoding(), told)),
        }),
      })
      await chat.sendMessage({ text: 'hello' })
      return { ...read(chat.messages), error: chat.error?.message, passing }
    },
  ],
  [
    'ai 6',
    async (told) => {
      const passing: unknown[] = []
      const chat = new Chat6({
        state: new PlainState<UIMessage6>(),
        onData: (part) => passing.push(part),
        transport: new DefaultChatTransport6({
          fetch: () => Promise.resolve(streamed(uiMessageEncoding(), told)),
        }),
      })
      await chat.sendMessage({ text: 'hello' })
      return { ...read(chat.messages), error: chat.error?.message, passing }
    },
  ],
]

function read(
  messages: readonly { role: string; parts: readonly object[]; metadata?: unknown }[],
): Pick<ReadMessage, 'parts' | 'metadata'> {
  const last = messages.at(-1)
  if (last?.role !== 'assistant') return { parts: [], metadata: undefined }
  return { parts: last.parts.map((part) => ({ ...part })), metadata: last.metadata }
}

/** The events that AG-UI's `HttpAgent` accepts of a story, in their order: it throws where it does not. */
export async function agUiEvents(
  told: readonly Told[],
): Promise<{ events: Record<string, unknown>[]; messages: readonly { role: string }[] }> {
  const agent = new HttpAgent({
    url: 'https://agents.test/v1/ag-ui/assistant',
    threadId: 'thread',
    fetch: () =>
      Promise.resolve(streamed(agUiEncoding({ threadId: 'thread', runId: 'named' }), told)),
  })
  const events: Record<string, unknown>[] = []
  agent.subscribe({
    onEvent: ({ event }) => {
      events.push({ ...event })
    },
  })
  agent.addMessage({ id: 'message', role: 'user', content: 'hello' })
  await agent.runAgent({ runId: 'named' })
  return { events, messages: agent.messages }
}
