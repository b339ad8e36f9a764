import { type ChatMessage, textOf } from './chat-message.ts'
import type { ConversationState } from './conversation-state.ts'

/** What a screen reader is told: what goes on, and the answer once it is complete, not word by word. */
export const announce = (
  last: ChatMessage | undefined,
  { answering, stopping, trouble }: ConversationState,
): string => {
  if (trouble !== undefined) return ''
  if (stopping) return 'Stopping.'
  if (answering) {
    const calls = last?.parts.filter((part) => part.type === 'dynamic-tool') ?? []
    const tool = last?.role === 'assistant' ? calls.at(-1) : undefined
    return tool === undefined
      ? 'The assistant is answering.'
      : `The assistant calls ${tool.toolName}.`
  }
  if (last?.role !== 'assistant') return ''
  const { end } = last.metadata ?? {}
  if (end === undefined) return `Answer: ${textOf(last)}`
  return end.how === 'stopped'
    ? 'The answer was stopped.'
    : `There is no answer. ${end.detail ?? ''}`
}
