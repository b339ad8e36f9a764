import { currentScope, type Owner } from '@ringfence/context'
import type { Access } from '../access/access.ts'
import { EngineError } from '../errors/engine-error.ts'
import { quoted } from '../internal/quoted.ts'
import type {
  MessagePage,
  MessagePageOptions,
  ThreadMessage,
  ThreadPage,
  ThreadPageOptions,
  ThreadRecord,
  ThreadStore,
} from '../store/thread-store.ts'
import { refuseLostCursor } from '../store/lost-cursor.ts'
import { checkedMessages, type NewMessage } from './new-message.ts'

/** Whose it is, where it is not the caller's own. */
export interface OfOwner {
  /** Default: the current owner. For anybody else's, the engine's `authorize` has to say yes. */
  readonly owner?: Owner | undefined
}

/**
 * The conversations of the current owner. A thread that is not there and one that is somebody else's are the
 * same: `THREAD_NOT_FOUND`. Every method throws `NO_SCOPE` outside a scope.
 */
export interface OwnerThreads {
  /** The one written last first, a page at a time. Rejects with `CURSOR_EVICTED` where `before` is none of theirs, or no longer. */
  list(page?: ThreadPageOptions & OfOwner): Promise<ThreadPage>
  get(threadId: string, options?: OfOwner): Promise<ThreadRecord>
  /** What was said, in order: the newest 100 messages, unless the page says otherwise. */
  messages(threadId: string, page?: MessagePageOptions & OfOwner): Promise<MessagePage>
  /** Adds to a thread of the current owner, as one turn. Only to one's own: nobody speaks for somebody else. */
  append(
    threadId: string,
    messages: NewMessage | readonly NewMessage[],
  ): Promise<readonly ThreadMessage[]>
  delete(threadId: string, options?: OfOwner): Promise<void>
}

const longestId = 256

export function ownerThreads(store: ThreadStore, access: Access, now: () => number): OwnerThreads {
  const about = (id: string, owner: Owner | undefined) =>
    ({ type: 'thread', id, owner, missing: () => threadNotFound(id) }) as const

  return Object.freeze<OwnerThreads>({
    list: ({ owner, ...page } = {}) =>
      access.within('list', { type: 'thread', owner }, async () => {
        await refuseLostCursor('thread', page.before, (id) => store.get(id))
        return store.list(page)
      }),
    get: (threadId, { owner } = {}) =>
      access.within('read', about(threadId, owner), async () => {
        const thread = await store.get(threadId)
        if (thread === undefined) throw threadNotFound(threadId)
        return thread
      }),
    messages: (threadId, { owner, ...page } = {}) =>
      access.within('read', about(threadId, owner), async () => {
        const messages = await store.read(threadId, page)
        if (messages === undefined) throw threadNotFound(threadId)
        return messages
      }),
    append: async (threadId, messages) => {
      currentScope()
      checkThreadId(threadId)
      return store.append(threadId, {
        turnId: globalThis.crypto.randomUUID(),
        at: new Date(now()).toISOString(),
        messages: await checkedMessages(messages),
      })
    },
    delete: (threadId, { owner } = {}) =>
      access.within('delete', about(threadId, owner), async () => {
        if (!(await store.delete(threadId))) throw threadNotFound(threadId)
      }),
  })
}

function threadNotFound(threadId: string): EngineError {
  return new EngineError('THREAD_NOT_FOUND', `There is no thread ${quoted(threadId)}.`)
}

function checkThreadId(threadId: string): void {
  const given: unknown = threadId
  if (typeof given === 'string' && given.length > 0 && given.length <= longestId) return
  throw new EngineError('INVALID_INPUT', `A thread id is text of 1 to ${longestId} characters.`)
}
