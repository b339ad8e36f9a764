import * as z from 'zod'
import { EngineError } from '../errors/engine-error.ts'
import { parse } from '../internal/parse.ts'
import type { JsonValue, NewThreadMessage, ThreadRole } from '../store/thread-store.ts'

/** A message to add to a thread. */
export interface NewMessage {
  readonly role: ThreadRole
  /** Text, or whatever JSON can carry. */
  readonly content: JsonValue
  /** Unique in its thread, 1 to 256 characters. Default: a random one. */
  readonly messageId?: string | undefined
}

const mostMessages = 1_000
const message = z.object({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.json(),
  messageId: z.string().min(1).max(256).optional(),
})
const messages = z.array(message).min(1).max(mostMessages)

/**
 * Messages as they may enter a store: checked, each with an id. Throws `INVALID_INPUT` for what is none, also for
 * content that is nested too deep or in a circle.
 */
export async function checkedMessages(
  given: NewMessage | readonly NewMessage[],
): Promise<NewThreadMessage[]> {
  try {
    const list = Array.isArray(given) ? given : [given]
    const parsed = await parse(messages, list, 'INVALID_INPUT', 'What is added to the thread')
    return parsed.map(({ role, content, messageId }) => ({
      messageId: messageId ?? globalThis.crypto.randomUUID(),
      role,
      content: copyOf(content),
    }))
  } catch (cause) {
    if (EngineError.is(cause)) throw cause
    // What throws when it is read is the caller's mistake as much as a wrong type is.
    const reason = cause instanceof RangeError ? 'is nested too deep' : 'cannot be read'
    throw new EngineError('INVALID_INPUT', `What is added to the thread ${reason}.`, { cause })
  }
}

/** Whoever still holds the content cannot change what was checked. */
function copyOf(content: JsonValue): JsonValue {
  try {
    const copy: JsonValue = JSON.parse(JSON.stringify(content))
    return copy
  } catch (cause) {
    throw new EngineError(
      'INVALID_INPUT',
      'What is added to the thread is nested without an end.',
      {
        cause,
      },
    )
  }
}
