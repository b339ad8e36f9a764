import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import { toKeyText } from '../database/key-text.ts'
import type { OwnerSql } from './owner-transaction.ts'

/** How much is kept of conversations. */
export interface PostgresThreadStoreLimits {
  /** Messages of one thread. Default 1,000. */
  readonly messagesPerThread: number
  /** Bytes of JSON of one message. More is refused with `MESSAGE_TOO_LARGE`. Default 256 KiB. */
  readonly bytesPerMessage: number
  /** Bytes of JSON of one thread. Default 4 MiB. */
  readonly bytesPerThread: number
  /** Threads of one owner. Default 1,000. */
  readonly threadsPerOwner: number
  /** Bytes of JSON of one owner's threads. Default 64 MiB. */
  readonly bytesPerOwner: number
}

const turnRow = z.object({ turn_id: z.string(), messages: z.int(), bytes: z.number() })
const ownedRow = z.object({ thread_id: z.string(), bytes: z.number() })

const ofThread = 'tenant = $1 AND user_id = $2 AND thread_id = $3'

/** Drops the oldest turns of a thread, whole, until the rest fits; never the newest. Resolves with what went. */
export async function dropTurns(
  { key, sql }: OwnerSql,
  threadId: string,
  newestTurn: string,
  limits: PostgresThreadStoreLimits,
  mayDrop: boolean,
): Promise<{ readonly messages: number; readonly bytes: number }> {
  const thread = [...key, toKeyText(threadId)]
  const rows = await sql(
    `SELECT turn_id, count(*)::integer AS messages, sum(bytes)::double precision AS bytes
    FROM messages WHERE ${ofThread} GROUP BY turn_id ORDER BY min(position)`,
    thread,
  )
  const turns = rows.map((row) => turnRow.parse(row))
  const excess = (turn: 'messages' | 'bytes', most: number): number =>
    turns.reduce((sum, { [turn]: amount }) => sum + amount, 0) - most
  let messages = excess('messages', limits.messagesPerThread)
  let bytes = excess('bytes', limits.bytesPerThread)
  const gone = { turns: [] as string[], messages: 0, bytes: 0 }
  for (const turn of turns) {
    if (messages <= 0 && bytes <= 0) break
    if (turn.turn_id === toKeyText(newestTurn)) continue
    gone.turns.push(turn.turn_id)
    gone.messages += turn.messages
    gone.bytes += turn.bytes
    messages -= turn.messages
    bytes -= turn.bytes
  }
  if (messages > 0 || bytes > 0) throw threadFull(threadId, limits, 'and this turn alone is more')
  if (gone.messages > 0 && !mayDrop) {
    throw threadFull(threadId, limits, 'and the store drops nothing')
  }
  if (gone.messages > 0) {
    await sql(`DELETE FROM messages WHERE ${ofThread} AND turn_id = ANY($4::text[])`, [
      ...thread,
      gone.turns,
    ])
  }
  return gone
}

/** Forgets the threads that were written least recently until the rest fits; never the one that was just written. */
export async function dropThreads(
  { key, sql }: OwnerSql,
  spared: string,
  { threadsPerOwner, bytesPerOwner }: PostgresThreadStoreLimits,
): Promise<void> {
  const rows = await sql(
    `SELECT thread_id, bytes::double precision AS bytes FROM threads
    WHERE tenant = $1 AND user_id = $2 ORDER BY written`,
    key,
  )
  const threads = rows.map((row) => ownedRow.parse(row))
  let count = threads.length
  let bytes = threads.reduce((sum, thread) => sum + thread.bytes, 0)
  const gone: string[] = []
  for (const thread of threads) {
    if (count <= threadsPerOwner && bytes <= bytesPerOwner) break
    if (thread.thread_id === toKeyText(spared)) continue
    gone.push(thread.thread_id)
    count -= 1
    bytes -= thread.bytes
  }
  if (gone.length === 0) return
  await sql(
    'DELETE FROM threads WHERE tenant = $1 AND user_id = $2 AND thread_id = ANY($3::text[])',
    [...key, gone],
  )
}

function threadFull(
  threadId: string,
  { messagesPerThread, bytesPerThread }: PostgresThreadStoreLimits,
  why: string,
): EngineError {
  return new EngineError(
    'THREAD_FULL',
    `The thread "${threadId}" may hold ${messagesPerThread} messages and ${bytesPerThread} bytes, ${why}.`,
  )
}
