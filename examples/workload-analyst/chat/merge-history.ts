import { type ChatMessage, textOf } from './chat-message.ts'

/** One question with its answer, as the server's thread holds it. */
export interface Turn {
  readonly runId: string
  readonly messages: readonly { readonly role: 'user' | 'assistant'; readonly text: string }[]
}

const answerOf = (turn: Turn, seen: ChatMessage | undefined): ChatMessage[] => {
  const said = turn.messages.filter(({ role }) => role === 'assistant').map(({ text }) => text)
  if (said.length === 0) return seen === undefined ? [] : [seen]
  const text = said.join('\n\n')
  if (seen !== undefined && textOf(seen) === text) return [seen]
  // The tab left before the end: what it saw of tools stays, what was said is the thread's.
  const others = seen?.parts.filter((part) => part.type === 'dynamic-tool') ?? []
  return [
    {
      id: turn.runId,
      role: 'assistant',
      metadata: { runId: turn.runId },
      parts: [...others, { type: 'text', text, state: 'done' }],
    },
  ]
}

/**
 * What a tab has seen of a chat and what the server's thread holds, as one: the thread's turns in its order, and after
 * each what only this tab knows of, such as a question that was stopped.
 */
export const mergeHistory = (
  seen: readonly ChatMessage[],
  turns: readonly Turn[],
): ChatMessage[] => {
  const known = new Set(turns.map(({ runId }) => runId))
  const answers = new Map<string, ChatMessage>()
  const questions = new Map<string, ChatMessage>()
  let unknown: ChatMessage[] = []
  /** What only the tab knows, by the turn that it came after. */
  const others = new Map<string | undefined, ChatMessage[]>([[undefined, unknown]])
  for (const message of seen) {
    if (message.role !== 'assistant' || !known.has(message.id)) {
      unknown.push(message)
      continue
    }
    const question = unknown.at(-1)?.role === 'user' ? unknown.pop() : undefined
    if (question !== undefined) questions.set(message.id, question)
    answers.set(message.id, message)
    unknown = []
    others.set(message.id, unknown)
  }
  for (const turn of turns) {
    if (answers.has(turn.runId)) continue
    const question = takeQuestion(others, turn)
    if (question !== undefined) questions.set(turn.runId, question)
  }
  return [
    ...(others.get(undefined) ?? []),
    ...turns.flatMap((turn) => [
      ...questionOf(turn, questions.get(turn.runId)),
      ...answerOf(turn, answers.get(turn.runId)),
      ...(others.get(turn.runId) ?? []),
    ]),
  ]
}

/** The question of a turn whose answer the tab has not seen begin. */
const takeQuestion = (
  others: ReadonlyMap<string | undefined, ChatMessage[]>,
  { messages }: Turn,
): ChatMessage | undefined => {
  const asked = messages.find(({ role }) => role === 'user')?.text
  for (const unknown of others.values()) {
    const at = unknown.findIndex(
      (message, index) =>
        message.role === 'user' &&
        textOf(message) === asked &&
        unknown[index + 1]?.role !== 'assistant',
    )
    if (at !== -1) return unknown.splice(at, 1)[0]
  }
  return undefined
}

const questionOf = (turn: Turn, seen: ChatMessage | undefined): ChatMessage[] => {
  if (seen !== undefined) return [seen]
  return turn.messages
    .filter(({ role }) => role === 'user')
    .map(({ text }, index) => ({
      id: `${turn.runId}:question-${index}`,
      role: 'user',
      parts: [{ type: 'text', text }],
    }))
}
