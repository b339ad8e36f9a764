import { Problem } from '../problems/problem.ts'

/**
 * What the user has said last. What else stands among a client's messages is the client's word alone: the history is
 * the thread of its owner, and nothing that an agent is said to have said is believed. Throws `invalid_input` where
 * the last message is not the user's, or has no text.
 */
export function lastUserText<Message extends { readonly role: string }>(
  messages: readonly Message[],
  textOf: (message: Message) => string,
): string {
  const last = messages.at(-1)
  const text = last === undefined ? '' : textOf(last)
  if (last?.role === 'user' && text.trim() !== '') return text
  const message = last?.role === 'user' ? 'it has no text' : "it is not the user's"
  throw new Problem('invalid_input', {
    errors: [{ path: `messages.${messages.length - 1}`, message }],
  })
}
