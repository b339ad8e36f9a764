import * as z from 'zod'
import { identifier } from '../body/fields.ts'
import { jsonResponse } from '../handler/json-response.ts'
import { refuseLostCursor } from '../handler/lost-cursor.ts'
import { noContent } from '../handler/no-content.ts'
import { pathId } from '../handler/path-id.ts'
import type { OwnedRoute } from '../handler/route.ts'
import { queryOf } from '../handler/query-of.ts'

const threadPage = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  before: identifier.optional(),
})

const messagePage = z.object({
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  before: z.coerce.number().int().min(0).optional(),
})

/** One's own conversations, the one written last first. */
export const listThreads: OwnedRoute = {
  method: 'GET',
  path: '/v1/threads',
  contract: {
    summary: "One's own threads, the one written last first.",
    query: threadPage,
    answers: { 200: { description: 'A page of them.', schema: 'ThreadPage' } },
    problems: ['invalid_query', 'invalid_cursor'],
  },
  action: 'threads.list',
  async handle(call) {
    const page = queryOf(call, threadPage)
    const threads = await call.core.engine.threads.list(page).catch(refuseLostCursor('thread'))
    return jsonResponse(call.exchange, 200, threads)
  },
}

/** One of them, without its messages. */
export const readThread: OwnedRoute = {
  method: 'GET',
  path: '/v1/threads/:id',
  contract: {
    summary: 'One of them.',
    answers: { 200: { description: 'The thread.', schema: 'Thread' } },
    problems: ['invalid_query', 'thread_not_found'],
  },
  action: 'threads.read',
  about: 'threadId',
  async handle(call) {
    const thread = await call.core.engine.threads.get(pathId(call))
    return jsonResponse(call.exchange, 200, thread)
  },
}

/** What was said in it. */
export const readMessages: OwnedRoute = {
  method: 'GET',
  path: '/v1/threads/:id/messages',
  contract: {
    summary: 'What was said in it, in order: the newest messages, or those before a position.',
    query: messagePage,
    answers: { 200: { description: 'A page of them.', schema: 'MessagePage' } },
    problems: ['invalid_query', 'thread_not_found'],
  },
  action: 'threads.read',
  about: 'threadId',
  async handle(call) {
    const page = queryOf(call, messagePage)
    const messages = await call.core.engine.threads.messages(pathId(call), page)
    return jsonResponse(call.exchange, 200, messages)
  },
}

/** Forgets it, with all that was said. */
export const deleteThread: OwnedRoute = {
  method: 'DELETE',
  path: '/v1/threads/:id',
  contract: {
    summary: 'Forgets it, with all that was said.',
    answers: { 204: { description: 'It is gone.' } },
    problems: ['invalid_query', 'thread_not_found'],
  },
  action: 'threads.delete',
  about: 'threadId',
  async handle(call) {
    await call.core.engine.threads.delete(pathId(call))
    return noContent(call.exchange)
  },
}
