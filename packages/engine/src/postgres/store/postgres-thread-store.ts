import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import { checkedLimit } from '../../internal/checked-limit.ts'
import { deepFreeze } from '../../internal/deep-freeze.ts'
import { resolveStoreLimits } from '../../internal/resolve-store-limits.ts'
import { withoutUndefined } from '../../internal/without-undefined.ts'
import type {
  MessagePage,
  MessagePageOptions,
  ThreadMessage,
  ThreadPage,
  ThreadPageOptions,
  ThreadRecord,
  ThreadStore,
  ThreadTurn,
} from '../../store/thread-store.ts'
import type { Database, Row } from '../database/database.ts'
import { fromKeyText, toKeyText } from '../database/key-text.ts'
import { asCurrentOwner, oneAtATime, type OwnerSql } from './owner-transaction.ts'
import { dropThreads, dropTurns, type PostgresThreadStoreLimits } from './thread-room.ts'
import { weighMessage, type WeighedMessage } from './weigh-message.ts'

export interface PostgresThreadStoreOptions extends Partial<PostgresThreadStoreLimits> {
  /**
   * What happens where there is no room. `drop`: in a thread, the oldest turns go; of an owner, the thread that was
   * written least recently. `refuse`: `THREAD_FULL`. Default: `drop`.
   */
  readonly whenFull?: 'drop' | 'refuse'
}

const defaults: PostgresThreadStoreLimits = Object.freeze({
  messagesPerThread: 1_000,
  bytesPerMessage: 262_144,
  bytesPerThread: 4_194_304,
  threadsPerOwner: 1_000,
  bytesPerOwner: 67_108_864,
})

const ofThread = 'tenant = $1 AND user_id = $2 AND thread_id = $3'
const columns =
  'thread_id, created_at, updated_at, messages, bytes::double precision AS bytes, dropped'

/** Conversations in PostgreSQL. */
export class PostgresThreadStore implements ThreadStore {
  readonly #database: Database
  readonly #limits: PostgresThreadStoreLimits
  readonly #mayDrop: boolean

  constructor(database: Database, options: PostgresThreadStoreOptions = {}) {
    const { whenFull = 'drop', ...limits } = withoutUndefined(options)
    this.#database = database
    this.#limits = resolveStoreLimits(defaults, limits)
    this.#mayDrop = whenFull === 'drop'
  }

  async append(threadId: string, turn: ThreadTurn): Promise<readonly ThreadMessage[]> {
    return asCurrentOwner(this.#database, async (statements) => {
      if (turn.runId !== undefined) await refuseEnded(statements, turn.runId)
      await oneAtATime(statements, 'threads')
      const next = await this.#begin(statements, threadId, turn)
      const weighed = turn.messages.map((message, index) =>
        weighMessage(message, turn, next + index, this.#limits.bytesPerMessage),
      )
      await refuseDuplicates(statements, threadId, weighed)
      await insert(statements, threadId, turn.turnId, next, weighed)
      const gone = await dropTurns(statements, threadId, turn.turnId, this.#limits, this.#mayDrop)
      await statements.sql(
        `UPDATE threads SET next_position = next_position + $4, messages = messages + $4 - $5,
          dropped = dropped + $5, bytes = bytes + $6::bigint, updated_at = $7,
          written = nextval('thread_writes'), changed_on = now()
        WHERE ${ofThread}`,
        [
          ...statements.key,
          toKeyText(threadId),
          weighed.length,
          gone.messages,
          weighed.reduce((sum, { bytes }) => sum + bytes, -gone.bytes),
          turn.at,
        ],
      )
      await dropThreads(statements, threadId, this.#limits)
      return weighed.map(({ text }) => messageOf({ message: text }))
    })
  }

  async get(threadId: string): Promise<ThreadRecord | undefined> {
    const [row] = await asCurrentOwner(this.#database, ({ key, sql }) =>
      sql(`SELECT ${columns} FROM threads WHERE ${ofThread}`, [...key, toKeyText(threadId)]),
    )
    return row === undefined ? undefined : threadOf(row)
  }

  async read(
    threadId: string,
    { limit = 100, before }: MessagePageOptions = {},
  ): Promise<MessagePage | undefined> {
    checkedLimit('limit', limit, 1)
    if (before !== undefined) checkedLimit('before', before, 0)
    const most = Math.min(limit, 1_000)
    return asCurrentOwner(this.#database, async ({ key, sql }) => {
      const thread = [...key, toKeyText(threadId)]
      const [known] = await sql(`SELECT 1 FROM threads WHERE ${ofThread}`, thread)
      if (known === undefined) return undefined
      const rows = await sql(
        `SELECT message FROM messages WHERE ${ofThread} AND ($4::integer IS NULL OR position < $4)
        ORDER BY position DESC LIMIT $5`,
        [...thread, before ?? null, most + 1],
      )
      const messages = rows.slice(0, most).map(messageOf).toReversed()
      return rows.length > most ? { messages, previous: messages[0]?.position } : { messages }
    })
  }

  async list({ limit = 20, before }: ThreadPageOptions = {}): Promise<ThreadPage> {
    checkedLimit('limit', limit, 1)
    const most = Math.min(limit, 100)
    const rows = await asCurrentOwner(this.#database, ({ key, sql }) =>
      sql(
        `SELECT ${columns} FROM threads
        WHERE tenant = $1 AND user_id = $2
          AND ($3::text IS NULL OR written < (SELECT written FROM threads WHERE ${ofThread}))
        ORDER BY written DESC LIMIT $4`,
        [...key, before === undefined ? null : toKeyText(before), most + 1],
      ),
    )
    const threads = rows.slice(0, most).map(threadOf)
    return rows.length > most ? { threads, next: threads.at(-1)?.threadId } : { threads }
  }

  async delete(threadId: string): Promise<boolean> {
    const rows = await asCurrentOwner(this.#database, ({ key, sql }) =>
      sql(`DELETE FROM threads WHERE ${ofThread} RETURNING thread_id`, [
        ...key,
        toKeyText(threadId),
      ]),
    )
    return rows.length > 0
  }

  /** The thread, which begins here if it is not there. Resolves with the position of its next message. */
  async #begin(
    { key, sql }: OwnerSql,
    threadId: string,
    { continues, turnId, at }: ThreadTurn,
  ): Promise<number> {
    const thread = [...key, toKeyText(threadId)]
    const [known] = await sql(
      `SELECT next_position, EXISTS (SELECT 1 FROM messages WHERE ${ofThread} AND turn_id = $4) AS begun
      FROM threads WHERE ${ofThread} FOR UPDATE`,
      [...thread, toKeyText(turnId)],
    )
    if (continues === true && known?.['begun'] !== true) throw turnOver(threadId)
    if (known !== undefined) return z.object({ next_position: z.int() }).parse(known).next_position
    if (!this.#mayDrop) await this.#refuseThread(key, sql)
    await sql(
      'INSERT INTO threads (tenant, user_id, thread_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)',
      [...thread, at],
    )
    return 0
  }

  async #refuseThread(key: OwnerSql['key'], sql: OwnerSql['sql']): Promise<void> {
    const [row] = await sql(
      'SELECT count(*)::integer AS threads FROM threads WHERE tenant = $1 AND user_id = $2',
      key,
    )
    const { threads } = z.object({ threads: z.int() }).parse(row)
    if (threads < this.#limits.threadsPerOwner) return
    throw new EngineError(
      'THREAD_FULL',
      `You have ${threads} threads, and that is the limit. Delete one to begin another.`,
    )
  }
}

async function refuseEnded({ key, sql }: OwnerSql, runId: string): Promise<void> {
  // A lock on the run: it cannot end between this and the end of the transaction.
  const [row] = await sql(
    `SELECT 1 FROM runs WHERE tenant = $1 AND user_id = $2 AND run_id = $3 AND ended_at IS NULL FOR SHARE`,
    [...key, toKeyText(runId)],
  )
  if (row !== undefined) return
  throw new EngineError('RUN_ENDED', `The run "${runId}" has ended; it cannot write history.`)
}

async function refuseDuplicates(
  { key, sql }: OwnerSql,
  threadId: string,
  messages: readonly WeighedMessage[],
): Promise<void> {
  const ids = messages.map(({ messageId }) => toKeyText(messageId))
  const twice = ids.find((id, index) => ids.indexOf(id) !== index)
  const [known] =
    twice === undefined
      ? await sql(
          `SELECT message_id FROM messages WHERE ${ofThread} AND message_id = ANY($4::text[]) LIMIT 1`,
          [...key, toKeyText(threadId), ids],
        )
      : [{ message_id: twice }]
  if (known === undefined) return
  const id = fromKeyText(z.object({ message_id: z.string() }).parse(known).message_id)
  throw new EngineError(
    'DUPLICATE_MESSAGE',
    `The thread "${threadId}" has a message "${id.slice(0, 100)}" already.`,
  )
}

async function insert(
  { key, sql }: OwnerSql,
  threadId: string,
  turnId: string,
  next: number,
  messages: readonly WeighedMessage[],
): Promise<void> {
  await sql(
    `INSERT INTO messages (tenant, user_id, thread_id, position, turn_id, message_id, bytes, message)
    SELECT $1, $2, $3, $5 + item.number::integer - 1, $4, item.id, item.bytes, item.message
    FROM unnest($6::text[], $7::integer[], $8::text[]) WITH ORDINALITY AS item (id, bytes, message, number)`,
    [
      ...key,
      toKeyText(threadId),
      toKeyText(turnId),
      next,
      messages.map(({ messageId }) => toKeyText(messageId)),
      messages.map(({ bytes }) => bytes),
      messages.map(({ text }) => text),
    ],
  )
}

function turnOver(threadId: string): EngineError {
  return new EngineError(
    'TURN_OVER',
    `The beginning of this turn is no longer in the thread "${threadId}": nothing can be added to it.`,
  )
}

function messageOf(row: Row): ThreadMessage {
  const { message } = z.object({ message: z.string() }).parse(row)
  // Written above, by its type.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return deepFreeze(JSON.parse(message) as ThreadMessage)
}

const threadRow = z.object({
  thread_id: z.string().transform(fromKeyText),
  created_at: z.string(),
  updated_at: z.string(),
  messages: z.int(),
  bytes: z.number(),
  dropped: z.int(),
})

function threadOf(row: Row): ThreadRecord {
  const thread = threadRow.parse(row)
  return Object.freeze({
    threadId: thread.thread_id,
    createdAt: thread.created_at,
    updatedAt: thread.updated_at,
    messages: thread.messages,
    bytes: thread.bytes,
    dropped: thread.dropped,
  })
}
