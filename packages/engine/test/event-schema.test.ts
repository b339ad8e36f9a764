import { expect, test } from 'vitest'
import { agentEvent, isDurable, isTerminal, type AgentEvent } from '../src/index.ts'

const stamp = {
  at: '2026-01-01T00:00:00.000Z',
  runId: 'run',
  requestId: 'request',
  userId: 'alice',
  agent: 'agent',
}
const error = { code: 'AGENT_FAILED', message: 'no' }
const call = { callId: 'call-1', durationMs: 1.5 }
const question = { approvalId: 'approval', callId: 'call-1', tool: 't', input: { a: 1 } }
const answer = { approvalId: 'approval', callId: 'call-1' }

const durable: AgentEvent[] = [
  { ...stamp, seq: 0, type: 'agent_started', data: { queuedMs: 0 } },
  { ...stamp, seq: 1, type: 'agent_thinking', data: { text: 'hm', step: 1 } },
  { ...stamp, seq: 2, type: 'agent_text', data: { delta: '' } },
  { ...stamp, seq: 3, type: 'tool_executing', data: { callId: 'call-1', tool: 't', input: [1] } },
  {
    ...stamp,
    seq: 4,
    type: 'tool_completed',
    data: { ...call, tool: 't', ok: true, result: null },
  },
  { ...stamp, seq: 5, type: 'tool_completed', data: { ...call, tool: 't', ok: false, error } },
  { ...stamp, seq: 6, type: 'subagent_started', data: { callId: 'call-2', agent: 'b' } },
  { ...stamp, seq: 7, type: 'subagent_completed', data: { ...call, agent: 'b', ok: true } },
  { ...stamp, seq: 8, type: 'work_orphaned', data: { label: 'tool t', callId: 'call-1' } },
  { ...stamp, seq: 9, type: 'work_orphaned', data: { label: 'agent b' } },
  { ...stamp, seq: 9, type: 'attempt_restarted', data: { attempt: 2 } },
  { ...stamp, seq: 10, type: 'approval_requested', data: { ...question, expiresAt: stamp.at } },
  { ...stamp, seq: 11, type: 'approval_resolved', data: { ...answer, outcome: 'cancelled' } },
  {
    ...stamp,
    seq: 12,
    type: 'usage_recorded',
    data: {
      model: 'm',
      inputTokens: 3,
      outputTokens: 2,
      cachedTokens: 1,
      reasoningTokens: 1,
      costMicros: 7,
    },
  },
]
const custom: AgentEvent[] = [
  { ...stamp, seq: 13, type: 'agent_custom', data: { name: 'chart', value: [1, { a: null }] } },
]
const terminal: AgentEvent[] = [
  { ...stamp, seq: 8, type: 'agent_completed', data: { result: { a: 1 }, durationMs: 1 } },
  { ...stamp, seq: 8, type: 'agent_error', data: { error, durationMs: 1 } },
  { ...stamp, seq: 8, type: 'agent_cancelled', data: { reason: 'shutdown', durationMs: 1 } },
  { ...stamp, seq: 8, type: 'agent_cancelled', data: { reason: 'replaced', durationMs: 1 } },
]
const transient: AgentEvent[] = [
  { ...stamp, type: 'queue_position', data: { position: 1 } },
  { ...stamp, type: 'agent_progress', data: { fraction: 1, message: 'done' } },
]
const all = [...durable, ...custom, ...terminal, ...transient]

// origins: BRG-3 EMT-7 EMT-1
test('every event passes its schema unchanged, as an object and as JSON, with a thread and without', () => {
  for (const event of all.flatMap((one) => [one, { ...one, threadId: 't' }])) {
    expect(agentEvent.parse(event)).toEqual(event)
    expect(agentEvent.parse(JSON.parse(JSON.stringify(event)))).toEqual(event)
  }
  expect(new Set(all.map(({ type }) => type)).size).toBe(18)
})

test('what is durable, what ends a run and what is transient are told apart', () => {
  expect(all.filter(isDurable)).toEqual([...durable, ...custom, ...terminal])
  expect(all.filter(isTerminal)).toEqual(terminal)
})

test('fields that are not known are dropped, so that an older client reads a newer server', () => {
  const newer = { ...durable[0], extra: 1, data: { queuedMs: 0, extra: 1 } }
  expect(agentEvent.parse(newer)).toEqual(durable[0])
})

test.each([
  ['an unknown type', { ...durable[0], type: 'agent_dreaming' }],
  ['a durable event without a number', { ...durable[0], seq: undefined }],
  ['a number below 0', { ...durable[0], seq: -1 }],
  ['a number with a fraction', { ...durable[0], seq: 0.5 }],
  ['a time that is none', { ...durable[0], at: 'today' }],
  ['no user', { ...durable[0], userId: undefined }],
  ['an unknown reason', { ...terminal[2], data: { reason: 'boredom', durationMs: 1 } }],
  ['a fraction beyond 1', { ...transient[1], data: { fraction: 2 } }],
  ['a place of 0', { ...transient[0], data: { position: 0 } }],
  ['usage of half a token', { ...durable[12], data: { outputTokens: 0.5, costMicros: 0 } }],
  ['a cost below 0', { ...durable[12], data: { costMicros: -1 } }],
  ['nothing', undefined],
])('%s is refused', (_, event) => {
  expect(agentEvent.safeParse(event).success).toBe(false)
})
