import {
  type AgentEvent,
  type JsonObject,
  isObject,
  numberAt,
  objectAt,
  objectsAt,
  textAt,
} from './event.ts'
import { parseInline, textOf } from './markdown.ts'
import { formatCount, formatDuration } from './format.ts'

const longest = 240

/** The first line of a text, cut where it is long. */
const short = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length <= longest ? line : `${line.slice(0, longest - 1)}…`
}

const brief = (value: unknown): string => {
  if (!isObject(value)) return short(JSON.stringify(value) ?? '')
  return short(
    Object.entries(value)
      .map(
        ([name, field]) => `${name}: ${typeof field === 'string' ? field : JSON.stringify(field)}`,
      )
      .join(', '),
  )
}

const failure = (data: JsonObject): string => {
  const error = objectAt(data, 'error')
  return `${textAt(error, 'code')}: ${textAt(error, 'message')}`
}

const usage = (data: JsonObject): string => {
  const model = textAt(data, 'model')
  const input = formatCount(numberAt(data, 'inputTokens') ?? 0)
  const output = formatCount(numberAt(data, 'outputTokens') ?? 0)
  return `${model === '' ? '' : `${model}: `}${input} tokens in, ${output} out`
}

const took = (data: JsonObject): string => formatDuration(numberAt(data, 'durationMs') ?? 0)

/** Says in a line what an event tells. */
export const describeEvent = ({ type, data }: AgentEvent): string => {
  switch (type) {
    case 'agent_started':
      return `after ${formatDuration(numberAt(data, 'queuedMs') ?? 0)} in the queue`
    case 'attempt_restarted':
      return `begins again, attempt ${numberAt(data, 'attempt') ?? 0}: what was told before is void`
    case 'agent_thinking':
      return short(textAt(data, 'text'))
    case 'agent_text':
      return short(textOf(parseInline(textAt(data, 'delta'))))
    case 'tool_executing':
      return `${textAt(data, 'tool')} ← ${brief(data['input'])}`
    case 'tool_completed':
      return data['ok'] === true
        ? `${textAt(data, 'tool')} → ${brief(data['result'])} (${took(data)})`
        : `${textAt(data, 'tool')} failed: ${failure(data)}`
    case 'usage_recorded':
      return usage(data)
    case 'subagent_started':
      return `→ ${textAt(data, 'agent')}`
    case 'subagent_completed':
      return data['ok'] === true
        ? `${textAt(data, 'agent')} is done (${took(data)})`
        : `${textAt(data, 'agent')}: ${failure(data)}`
    case 'work_orphaned':
      return `${textAt(data, 'label')} did not stop and was given up`
    case 'approval_requested':
      return `${textAt(data, 'tool')} waits for a person ← ${brief(data['input'])}`
    case 'approval_resolved':
      return textAt(data, 'outcome')
    case 'agent_completed': {
      const result = objectAt(data, 'result')
      const calls = numberAt(objectAt(result, 'totals'), 'calls') ?? 0
      const found = objectsAt(result, 'findings').length
      return `${formatCount(calls)} calls analysed, ${found} finding${found === 1 ? '' : 's'} (${took(data)})`
    }
    case 'agent_error':
      return failure(data)
    case 'agent_cancelled':
      return `by ${textAt(data, 'reason')}, after ${took(data)}`
    default:
      return brief(data)
  }
}
