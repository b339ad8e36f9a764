import { agentEvent, type AgentEvent } from '@ringfence/engine'

type Parts<Event> = Event extends { readonly type: infer Type; readonly data: infer Data }
  ? { readonly type: Type; readonly data: Data; readonly agent?: string }
  : never

/** What happens in a run, without who, when and where. */
export type Told = Parts<AgentEvent>

const transient = new Set(['queue_position', 'agent_progress'])

/** A run's events as the engine gives them: each is checked with its schema. */
export function story(told: readonly Told[], runId = 'run-1'): AgentEvent[] {
  let seq = -1
  return told.map(({ type, data, agent = 'assistant' }) =>
    agentEvent.parse({
      type,
      ...(transient.has(type) ? {} : { seq: (seq += 1) }),
      at: '2026-01-01T00:00:00.000Z',
      runId,
      threadId: 'thread',
      requestId: 'request',
      userId: 'alice',
      agent,
      data,
    }),
  )
}

export const started: Told = { type: 'agent_started', data: { queuedMs: 0 } }

export const think = (text: string, agent?: string): Told => ({
  type: 'agent_thinking',
  data: { text, step: 1 },
  ...(agent === undefined ? {} : { agent }),
})

export const say = (delta: string, agent?: string): Told => ({
  type: 'agent_text',
  data: { delta },
  ...(agent === undefined ? {} : { agent }),
})

export const call = (callId: string, tool = 'look_up'): Told => ({
  type: 'tool_executing',
  data: { callId, tool, input: { word: callId } },
})

export const answer = (callId: string, result: unknown): Told => ({
  type: 'tool_completed',
  data: { callId, tool: 'look_up', ok: true, result, durationMs: 1 },
})

export const fail = (callId: string, code = 'NOT_THERE', message = 'It is not there.'): Told => ({
  type: 'tool_completed',
  data: { callId, tool: 'look_up', ok: false, error: { code, message }, durationMs: 1 },
})

export const delegate = (callId: string, agent: string): Told => ({
  type: 'subagent_started',
  data: { callId, agent },
})

export const delegated = (callId: string, agent: string, ok = true): Told => ({
  type: 'subagent_completed',
  data: {
    callId,
    agent,
    ok,
    durationMs: 1,
    ...(ok ? {} : { error: { code: 'NO_LUCK', message: 'It had no luck.' } }),
  },
})

export const use = (
  inputTokens: number,
  outputTokens: number,
  costMicros: number,
  model?: string,
): Told => ({
  type: 'usage_recorded',
  data: { inputTokens, outputTokens, costMicros, ...(model === undefined ? {} : { model }) },
})

export const custom = (name: string, value: unknown): Told => ({
  type: 'agent_custom',
  data: { name, value },
})

export const restart = (attempt: number): Told => ({ type: 'attempt_restarted', data: { attempt } })

export const completed = (result?: unknown): Told => ({
  type: 'agent_completed',
  data: { ...(result === undefined ? {} : { result }), durationMs: 1 },
})

export const failed = (code: string, message: string): Told => ({
  type: 'agent_error',
  data: { error: { code, message }, durationMs: 1 },
})

export const cancelled = (reason: 'caller' | 'disconnect' | 'shutdown' | 'replaced'): Told => ({
  type: 'agent_cancelled',
  data: { reason, durationMs: 1 },
})
