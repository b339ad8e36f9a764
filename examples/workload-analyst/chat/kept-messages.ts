import { safeValidateUIMessages } from 'ai'
import type { ChatMessage } from './chat-message.ts'

/** What this tab has shown of one chat. It ends with the tab, and other tabs have their own. */
export interface KeptMessages {
  read(): Promise<ChatMessage[]>
  write(messages: readonly ChatMessage[]): void
  forget(): void
}

/** A tab may keep about five million characters. */
const mostCharacters = 1_000_000

/**
 * A thread holds what was said, and only once it is answered. The tab keeps the rest over a reload: the question that
 * is being answered, the tools that were called, what was stopped.
 */
export const keptMessages = (userId: string, chatId: string): KeptMessages => {
  const key = `messages ${JSON.stringify([userId, chatId])}`
  return {
    async read() {
      try {
        const messages: unknown = JSON.parse(sessionStorage.getItem(key) ?? '[]')
        const checked = await safeValidateUIMessages<ChatMessage>({ messages })
        return checked.success ? checked.data : []
      } catch {
        return []
      }
    },
    write(messages) {
      let kept = [...messages]
      let text = JSON.stringify(kept)
      while (text.length > mostCharacters && kept.length > 0) {
        kept = kept.slice(Math.ceil(kept.length / 4))
        text = JSON.stringify(kept)
      }
      try {
        sessionStorage.setItem(key, text)
      } catch {
        sessionStorage.removeItem(key)
      }
    },
    forget: () => sessionStorage.removeItem(key),
  }
}
