import type { ThreadPolicy } from '@ringfence/engine'
import * as z from 'zod'
import { identifier, onDisconnect, threadPolicy } from '../body/fields.ts'
import { lastUserText } from '../body/last-user-text.ts'

/** A message as a client keeps it. Of all of it only the text is looked at. */
export interface ClientMessage {
  readonly role: string
  readonly parts: readonly { readonly type: string; readonly text?: string | undefined }[]
}

/** What an application may add to a chat's request. */
export interface ChatOptions {
  /** Whom the chat is with. */
  readonly agent: string
  readonly threadPolicy?: ThreadPolicy | undefined
  readonly onDisconnect: 'continue' | 'cancel'
}

/** What `useChat` sends. */
export interface ChatRequest extends ChatOptions {
  /** The chat's id, which is its thread's. */
  readonly id: string
  readonly messages: readonly ClientMessage[]
}

/** Whom a chat is with where it names nobody. */
export const defaultChatAgent = 'assistant'

const optionFields = {
  agent: z.string().min(1).max(256).default(defaultChatAgent),
  onDisconnect,
  threadPolicy,
}

/** The keys of a frame's `body`: the others are its application's, and mean nothing here. */
export const chatOptions: z.ZodType<ChatOptions> = z.object(optionFields)

/** The messages of a chat's request. */
export const clientMessages: z.ZodType<readonly ClientMessage[]> = z
  .array(
    z.object({
      role: z.string(),
      parts: z.array(z.object({ type: z.string(), text: z.string().optional() })).default([]),
    }),
  )
  .min(1)

/** The body of a chat's request. Its other keys are its application's, and mean nothing here. */
export const chatRequest: z.ZodType<ChatRequest> = z.object({
  id: identifier,
  messages: clientMessages,
  ...optionFields,
})

/** What the user has said last: see `lastUserText`. */
export function lastUserMessage(messages: readonly ClientMessage[]): string {
  return lastUserText(messages, ({ parts }) =>
    parts
      .flatMap(({ type, text }) => (type === 'text' && text !== undefined ? [text] : []))
      .join('\n'),
  )
}
