import { safeValidateUIMessages } from 'ai'
import * as z from 'zod'
import { type ChatMessage, textOf } from './chat-message.ts'
import type { Memory } from './conversation.ts'

/** What this tab has shown of one chat. It ends with the tab, and other tabs have their own. */
export interface KeptMessages extends Memory {
  read(): Promise<ChatMessage[]>
}

const prefix = 'messages '
const keyOf = (userId: string, chatId: string): string =>
  `${prefix}${JSON.stringify([userId, chatId])}`
const keptKey = z.tuple([z.string(), z.string()])

/** Whose chat a key of the storage is about; undefined where it is about none. */
const readKey = (key: string): { userId: string; chatId: string } | undefined => {
  if (!key.startsWith(prefix)) return undefined
  const [userId, chatId] = keptKey.parse(JSON.parse(key.slice(prefix.length)))
  return { userId, chatId }
}

/** The chats of a user that the tab has seen, each with its first question. */
export const keptChats = async (userId: string): Promise<ReadonlyMap<string, string>> => {
  const titles = new Map<string, string>()
  for (const key of Object.keys(sessionStorage)) {
    const about = readKey(key)
    if (about?.userId !== userId) continue
    const [first] = await keptMessages(userId, about.chatId).read()
    if (first !== undefined) titles.set(about.chatId, textOf(first))
  }
  return titles
}

/** Forgets what the tab has kept of everybody else. */
export const forgetOthers = (userId: string | undefined): void => {
  for (const key of Object.keys(sessionStorage)) {
    const about = readKey(key)
    if (about !== undefined && about.userId !== userId) sessionStorage.removeItem(key)
  }
}

/** A tab may keep about five million characters. */
const mostCharacters = 1_000_000

/**
 * A thread holds what was said, and only once it is answered. The tab keeps the rest over a reload: the question that
 * is being answered, the tools that were called, what was stopped.
 */
export const keptMessages = (userId: string, chatId: string): KeptMessages => {
  const key = keyOf(userId, chatId)
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
      if (messages.length === 0) return sessionStorage.removeItem(key)
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
  }
}
