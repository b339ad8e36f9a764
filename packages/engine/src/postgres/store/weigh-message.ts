import { EngineError } from '../../errors/engine-error.ts'
import type { NewThreadMessage, ThreadTurn } from '../../store/thread-store.ts'

/** A message as it is stored, and what it takes. */
export interface WeighedMessage {
  readonly messageId: string
  readonly text: string
  readonly bytes: number
}

/** Writes a message down with its place. Throws `MESSAGE_TOO_LARGE`. */
export function weighMessage(
  { messageId, role, content }: NewThreadMessage,
  { turnId, runId, at }: ThreadTurn,
  position: number,
  most: number,
): WeighedMessage {
  const text = JSON.stringify({ messageId, role, content, position, turnId, runId, at })
  const bytes = Buffer.byteLength(text)
  if (bytes > most) {
    throw new EngineError(
      'MESSAGE_TOO_LARGE',
      `A message takes ${bytes} bytes as JSON; at most ${most} are allowed.`,
    )
  }
  return { messageId, text, bytes }
}
