import { type ReactElement, useCallback, useEffect, useState } from 'react'
import type { Client } from '../page/client.ts'
import type { ChatMessage } from './chat-message.ts'
import { ConversationView } from './conversation-view.tsx'
import { keptChats, keptMessages } from './kept-messages.ts'
import { listChats } from './server-thread.ts'
import { chatOf, newChatId, rememberChat } from './signed-in.ts'

interface OpenChat {
  readonly chatId: string
  readonly seen: readonly ChatMessage[]
}

interface ListedChat {
  readonly chatId: string
  readonly title: string
}

const when = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const longestTitle = 48

const shorten = (text: string): string =>
  text.length > longestTitle ? `${text.slice(0, longestTitle)} …` : text

/** The user's chats: those that the server knows, and those that this tab has begun and are not answered yet. */
const list = async (client: Client): Promise<ListedChat[]> => {
  const titles = await keptChats(client.userId)
  const known = await listChats(client)
  const ids = new Set(known.map(({ threadId }) => threadId))
  return [
    ...[...titles].flatMap(([chatId, title]) =>
      ids.has(chatId) ? [] : [{ chatId, title: shorten(title) }],
    ),
    ...known.map(({ threadId: chatId, updatedAt, messages }) => ({
      chatId,
      title: shorten(
        titles.get(chatId) ?? `${when.format(new Date(updatedAt))}, ${messages} messages`,
      ),
    })),
  ]
}

/** One user's chats: which one is open, and which there are. */
export const Chats = ({
  client,
  signOut,
}: {
  client: Client
  signOut: () => void
}): ReactElement => {
  const { userId } = client
  const [chatId, setChatId] = useState(() => chatOf(userId))
  const [open, setOpen] = useState<OpenChat>()
  const [earlier, setEarlier] = useState<readonly ListedChat[]>([])

  useEffect(() => {
    rememberChat(userId, chatId)
    let wanted = true
    void keptMessages(userId, chatId)
      .read()
      .then((seen) => {
        if (wanted) setOpen({ chatId, seen })
      })
    return () => {
      wanted = false
    }
  }, [userId, chatId])

  const answered = useCallback(() => {
    // Without the list one can ask all the same, and what is wrong is said there.
    list(client).then(setEarlier, () => undefined)
  }, [client])
  useEffect(answered, [answered])

  const others = earlier.filter((chat) => chat.chatId !== chatId)
  const title = earlier.find((chat) => chat.chatId === chatId)?.title ?? 'New chat'
  return (
    <section className="chat" data-user={userId} aria-labelledby="who">
      <header>
        <span className="face" aria-hidden="true">
          {userId.charAt(0).toUpperCase()}
        </span>
        <h2 id="who">{userId}</h2>
        {others.length > 0 && (
          <label className="earlier">
            <span className="out-of-sight">Chat</span>
            <select
              value={chatId}
              onFocus={answered}
              onChange={({ target }) => setChatId(target.value)}
            >
              <option value={chatId}>{title}</option>
              {others.map((chat) => (
                <option key={chat.chatId} value={chat.chatId}>
                  {chat.title}
                </option>
              ))}
            </select>
          </label>
        )}
        <button type="button" onClick={() => setChatId(newChatId())}>
          New chat
        </button>
        <button type="button" onClick={signOut}>
          Sign out
        </button>
      </header>
      {open !== undefined && open.chatId === chatId && (
        <ConversationView key={chatId} client={client} {...open} answered={answered} />
      )}
    </section>
  )
}
