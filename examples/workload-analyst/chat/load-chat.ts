import type { Client } from '../page/client.ts'
import { type ChatMessage, endedEarly, textOf } from './chat-message.ts'
import { mergeHistory } from './merge-history.ts'
import { readRun, readTurns } from './server-thread.ts'

/** What a chat holds, from what the tab has seen and what the server knows. */
export const loadChat = async (
  client: Client,
  chatId: string,
  seen: readonly ChatMessage[],
): Promise<ChatMessage[]> => {
  const turns = await readTurns(client, chatId)
  const messages = mergeHistory(seen, turns)
  const last = messages.at(-1)
  if (last?.role !== 'assistant' || last.metadata?.end !== undefined) return messages
  if (turns.some(({ runId }) => runId === last.id)) return messages
  const settled = await settle(client, last)
  return [...messages.slice(0, -1), settled]
}

/** An answer that the thread has not: it goes on, or ended early. */
const settle = async (client: Client, message: ChatMessage): Promise<ChatMessage> => {
  const run = await readRun(client, message.id)
  switch (run?.status) {
    case undefined:
      return endedEarly(message, { how: 'lost' })
    case 'cancelled':
      return endedEarly(message, { how: 'stopped' })
    case 'failed':
      return endedEarly(message, { how: 'failed', ...detail(run?.error?.message) })
    case 'completed':
      // Its agent keeps no history: what was seen is all there is.
      return textOf(message) === '' ? endedEarly(message, { how: 'lost' }) : message
    case 'queued':
    case 'running':
    default:
      return message
  }
}

const detail = (text: string | undefined): { detail?: string } =>
  text === undefined ? {} : { detail: text }
