import type { ThreadPolicy } from '@ringfence/engine'
import * as z from 'zod'
import { identifier, onDisconnect, threadPolicy } from '../body/fields.ts'
import { lastUserText } from '../body/last-user-text.ts'

/** A message as a client keeps it. Of all of it only the text is looked at. */
interface AgUiMessage {
  readonly role: string
  readonly content?:
    | string
    | readonly { readonly type: string; readonly text?: string | undefined }[]
    | undefined
}

/** What `HttpAgent` sends, as far as it is looked at: the client's state, tools and context mean nothing here. */
export interface RunAgentInput {
  readonly threadId: string
  readonly runId: string
  readonly messages: readonly AgUiMessage[]
  readonly resume: readonly unknown[]
  readonly forwardedProps: {
    readonly onDisconnect: 'continue' | 'cancel'
    readonly threadPolicy?: ThreadPolicy | undefined
  }
}

const part = z.object({ type: z.string(), text: z.string().optional() })

/** The body of a run's request. */
export const runAgentInput: z.ZodType<RunAgentInput> = z.object({
  threadId: identifier,
  runId: identifier,
  messages: z
    .array(z.object({ role: z.string(), content: z.union([z.string(), z.array(part)]).optional() }))
    .min(1),
  resume: z
    .array(z.unknown())
    .max(0, 'nothing is interrupted here: decide at /v1/approvals')
    .default([]),
  forwardedProps: z
    .object({ onDisconnect, threadPolicy })
    .nullish()
    .transform((given) => given ?? { onDisconnect: 'continue' as const }),
})

/** What the user has said last: see `lastUserText`. */
export function lastUserMessage(messages: readonly AgUiMessage[]): string {
  return lastUserText(messages, ({ content = '' }) =>
    typeof content === 'string'
      ? content
      : content
          .flatMap(({ type, text }) => (type === 'text' && text !== undefined ? [text] : []))
          .join('\n'),
  )
}
