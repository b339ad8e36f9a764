import * as z from 'zod'
import { type Client, RequestError } from '../page/client.ts'
import type { Turn } from './merge-history.ts'

const page = z.object({
  messages: z.array(
    z.object({
      role: z.string(),
      content: z.unknown(),
      turnId: z.string(),
      runId: z.string().optional(),
    }),
  ),
})

const list = z.object({
  threads: z.array(z.object({ threadId: z.string(), updatedAt: z.string(), messages: z.int() })),
  next: z.string().optional(),
})

/** A chat that the server knows of. */
export interface EarlierChat {
  readonly threadId: string
  readonly updatedAt: string
  readonly messages: number
}

const wordsOf = (content: unknown): string =>
  typeof content === 'string' ? content : JSON.stringify(content)

const orNothing = (error: unknown): undefined => {
  if (error instanceof RequestError && error.status === 404) return undefined
  throw error
}

interface Turns extends Turn {
  readonly messages: { readonly role: 'user' | 'assistant'; readonly text: string }[]
}

/** What was said in a chat, as the server knows it; empty where it knows none of that id. */
export const readTurns = async (client: Client, chatId: string): Promise<Turn[]> => {
  const { threads, next } = list.parse(await client.json('GET', '/v1/threads?limit=100'))
  // A chat that is new is no error, and a browser would write one.
  if (next === undefined && !threads.some(({ threadId }) => threadId === chatId)) return []
  const path = `/v1/threads/${encodeURIComponent(chatId)}/messages?limit=400`
  const answer = await client.json('GET', path).catch(orNothing)
  if (answer === undefined) return []
  const turns = new Map<string, Turns>()
  for (const { role, content, turnId, runId = turnId } of page.parse(answer).messages) {
    if (role !== 'user' && role !== 'assistant') continue
    const turn: Turns = turns.get(turnId) ?? { runId, messages: [] }
    turn.messages.push({ role, text: wordsOf(content) })
    turns.set(turnId, turn)
  }
  return [...turns.values()]
}

/** The user's chats, the one spoken in last first. */
export const listChats = async (client: Client): Promise<readonly EarlierChat[]> =>
  list.parse(await client.json('GET', '/v1/threads?limit=50')).threads

/** How a run is. */
export interface RunState {
  readonly status: 'queued' | 'running' | 'completed' | 'failed' | 'cancelled'
  readonly error?: { readonly message: string } | undefined
}

const run: z.ZodType<RunState> = z.object({
  status: z.enum(['queued', 'running', 'completed', 'failed', 'cancelled']),
  error: z.object({ message: z.string() }).optional(),
})

/** How a run is, as the server knows it; undefined where it knows none of that id. */
export const readRun = async (client: Client, runId: string): Promise<RunState | undefined> => {
  const answer = await client.json('GET', `/v1/runs/${encodeURIComponent(runId)}`).catch(orNothing)
  return answer === undefined ? undefined : run.parse(answer)
}
