import { type ReactElement, useCallback, useEffect, useState } from 'react'
import type { Client } from '../page/client.ts'
import type { ChatMessage } from './chat-message.ts'
import { ConversationView } from './conversation-view.tsx'
import { keptMessages } from './kept-messages.ts'
import { type EarlierChat, listChats } from './server-thread.ts'
import { chatOf, newChatId, rememberChat } from './signed-in.ts'

interface OpenChat {
  readonly chatId: string
  readonly seen: readonly ChatMessage[]
}

const when = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

const titleOf = ({ updatedAt, messages }: EarlierChat): string =>
  `${when.format(new Date(updatedAt))}, ${messages} messages`

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
  const [earlier, setEarlier] = useState<readonly EarlierChat[]>([])

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
    listChats(client).then(setEarlier, () => undefined)
  }, [client])
  useEffect(answered, [answered])

  const others = earlier.filter(({ threadId }) => threadId !== chatId)
  return (
    <section className="chat" data-user={userId} aria-labelledby="who">
      <header>
        <span className="face" aria-hidden="true">
          {userId.charAt(0).toUpperCase()}
        </span>
        <h2 id="who">{userId}</h2>
        {others.length > 0 && (
          <label className="earlier">
            <span className="out-of-sight">Open a chat</span>
            <select value={chatId} onChange={({ target }) => setChatId(target.value)}>
              <option value={chatId}>This chat</option>
              {others.map((chat) => (
                <option key={chat.threadId} value={chat.threadId}>
                  {titleOf(chat)}
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
