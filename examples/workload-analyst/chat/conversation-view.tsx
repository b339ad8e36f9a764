import { useChat } from '@ai-sdk/react'
import { type ReactElement, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import type { Client } from '../page/client.ts'
import { announce } from './announce.ts'
import type { ChatMessage } from './chat-message.ts'
import { Composer } from './composer.tsx'
import { Conversation } from './conversation.ts'
import { keptMessages } from './kept-messages.ts'
import { LogCard } from './log-card.tsx'
import { MessageView } from './message-view.tsx'
import { TroubleNotice } from './trouble-notice.tsx'

export interface ConversationViewProps {
  readonly client: Client
  readonly chatId: string
  /** What the tab has seen of it before. */
  readonly seen: readonly ChatMessage[]
  /** Hears when something was answered. */
  readonly answered: () => void
}

/** How far from its end a reader may have scrolled and still be at it. */
const nearEnd = 80

/** One chat: what was said, what is wrong, and where to ask. */
export const ConversationView = ({
  client,
  chatId,
  seen,
  answered,
}: ConversationViewProps): ReactElement | null => {
  const [conversation, setConversation] = useState<Conversation>()
  useEffect(() => {
    const made = new Conversation(client, chatId, keptMessages(client.userId, chatId), seen)
    setConversation(made)
    made.refresh()
    const keep = (): void => made.keep()
    const look = (): void => {
      if (document.visibilityState === 'visible') made.refresh()
    }
    const reconnect = (): void => made.reconnect()
    addEventListener('pagehide', keep)
    addEventListener('online', reconnect)
    document.addEventListener('visibilitychange', look)
    return () => {
      removeEventListener('pagehide', keep)
      removeEventListener('online', reconnect)
      document.removeEventListener('visibilitychange', look)
      made.close()
    }
  }, [client, chatId, seen])
  return conversation === undefined ? null : (
    <OpenConversation client={client} conversation={conversation} answered={answered} />
  )
}

interface OpenConversationProps {
  readonly client: Client
  readonly conversation: Conversation
  readonly answered: () => void
}

const OpenConversation = ({
  client,
  conversation,
  answered,
}: OpenConversationProps): ReactElement => {
  const { messages } = useChat<ChatMessage>({ chat: conversation.chat, throttle: 50 })
  const state = useSyncExternalStore(conversation.subscribe, conversation.state)
  const { answering, working, stopping, trouble, place } = state
  const list = useRef<HTMLDivElement>(null)
  const atEnd = useRef(true)
  const last = messages.at(-1)

  useEffect(() => {
    if (atEnd.current) list.current?.scrollTo({ top: list.current.scrollHeight })
  }, [messages, trouble])
  useEffect(() => {
    if (!working) answered()
  }, [working, answered])

  const ask = (text: string): boolean => {
    atEnd.current = true
    return conversation.ask(text)
  }
  return (
    <>
      <div
        className="messages"
        ref={list}
        role="region"
        aria-label="Conversation"
        tabIndex={0}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          atEnd.current = scrollHeight - scrollTop - clientHeight < nearEnd
        }}
      >
        <LogCard client={client} ask={ask} asked={messages.length > 0} />
        <ol>
          {messages.map((message, index) => (
            <MessageView
              key={message.id}
              message={message}
              live={answering && trouble === undefined && message === last}
              unanswered={
                message.role === 'user' &&
                messages[index + 1]?.role !== 'assistant' &&
                !(working && message === last)
              }
              elsewhere={message.role === 'assistant' && messages[index - 1]?.role !== 'user'}
              askAgain={
                message === last && trouble === undefined
                  ? () => conversation.askAgain()
                  : undefined
              }
            />
          ))}
        </ol>
        {answering &&
          trouble === undefined &&
          (last?.role === 'user' || last?.parts.length === 0) && (
            <p className="waiting">
              {place === undefined ? 'Asking …' : `Waiting, number ${place} of your own …`}
            </p>
          )}
      </div>
      {trouble !== undefined && (
        <TroubleNotice
          trouble={trouble}
          reconnect={() => conversation.reconnect()}
          askAgain={last?.role === 'user' ? () => conversation.askAgain() : undefined}
        />
      )}
      <p className="out-of-sight" role="status" aria-live="polite">
        {announce(last, state)}
      </p>
      <Composer
        ask={ask}
        stop={() => conversation.stop()}
        answering={answering && trouble === undefined}
        stopping={stopping}
        offline={trouble?.kind === 'lost' || trouble?.kind === 'gone'}
      />
    </>
  )
}
