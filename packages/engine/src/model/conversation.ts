import { currentScope } from '@ringfence/context'
import type { AgentExecution } from '../instances/agent-execution.ts'
import type { AgentThread } from '../threads/run-thread.ts'
import { RunningExecution } from '../instances/running-execution.ts'
import type { ModelLimits } from './model-limits.ts'
import type { Message, PromptContent } from './prompt.ts'

/**
 * What was said before in the run's thread, oldest first, as the model is shown it: what the user and the agents said,
 * no more than the limits allow, beginning with the user.
 */
export async function earlierMessages(
  thread: AgentThread,
  { historyMessages, historyCharacters }: ModelLimits,
): Promise<Message[]> {
  if (historyMessages === 0) return []
  const { messages } = await thread.messages({ limit: historyMessages })
  const shown: Message[] = []
  let characters = 0
  for (const { role, content } of messages.toReversed()) {
    // What stands in a thread as the system's or a tool's own words is not this agent's to believe.
    if (role !== 'user' && role !== 'assistant') continue
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    characters += text.length
    if (characters > historyCharacters) break
    shown.unshift({ role, content: [{ type: 'text', text }] })
  }
  const begin = shown.findIndex(({ role }) => role === 'user')
  return begin < 0 ? [] : shown.slice(begin)
}

/** Adds to the run's thread what the user asked and what the agent answered, once it has. */
export async function remember(
  thread: AgentThread,
  asked: PromptContent,
  answered: string,
): Promise<void> {
  await thread.append([
    { role: 'user', content: wordsAsked(asked) },
    { role: 'assistant', content: answered },
  ])
}

/**
 * The conversation that an agent takes part in. None where the run has no thread, and none for an agent that another one
 * delegated to: the conversation is the run's own agent's.
 */
export function threadOf(execution: AgentExecution): AgentThread | undefined {
  const isRunsOwn = RunningExecution.contextOf(execution).runScope.id === currentScope().id
  return isRunsOwn ? execution.thread : undefined
}

/** Files are not kept: a thread holds what was said. */
function wordsAsked(content: PromptContent): string {
  if (typeof content === 'string') return content
  return content
    .map((part) => (part.type === 'text' ? part.text : `(${part.filename ?? part.mediaType})`))
    .join('\n')
}
