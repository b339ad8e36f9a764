import type { AgentEvent } from '@ringfence/engine'
import { CallNames } from '../events/call-names.ts'
import { OpenPart } from './open-part.ts'
import { ToldText } from './result-text.ts'
import type { UiMessageChunk, UiMessageMetadata } from './ui-message-chunk.ts'

/**
 * A run's events as the parts of one message of the AI SDK's UI message stream. A fold over the events and nothing
 * else: the same story gives the same message, live or replayed, whoever reads it.
 */
export class UiMessageEncoder {
  readonly #part = new OpenPart()
  readonly #names = new CallNames()
  readonly #calls = new Set<string>()
  readonly #told = new ToldText()
  /** The agents that have something to do, by the call that delegated to them. */
  readonly #subagents = new Map<string, string>()
  /** Approvals that no tool call asked for, by the call that stands for them. */
  readonly #questions = new Set<string>()
  readonly #usage = { inputTokens: 0, outputTokens: 0, costMicros: 0 }
  #metadata: UiMessageMetadata | undefined
  #stepOpen = false
  #toolsUsed = false

  /** The parts that an event is; none where the protocol has nothing for it. */
  encode(event: AgentEvent): UiMessageChunk[] {
    const chunks = this.#metadata === undefined ? [this.#start(event)] : []
    chunks.push(...this.#encode(event))
    return chunks
  }

  /** What tells a client that the story breaks off here. */
  breakOff(): UiMessageChunk[] {
    const errorText = 'The connection ended before the answer did.'
    return [...this.#close(), { type: 'error', errorText }]
  }

  #encode(event: AgentEvent): UiMessageChunk[] {
    switch (event.type) {
      case 'attempt_restarted': {
        // What was said is void: no part can be taken back that both versions know, so the message says so.
        const closed = this.#close()
        this.#told.restart()
        this.#names.restart(event.data.attempt)
        return [...closed, { type: 'data-restarted', data: event.data }]
      }
      case 'agent_thinking':
        return [...this.#step(), ...this.#part.add('reasoning', event.agent, event.data.text)]
      case 'agent_text':
        this.#told.add(event.data.delta)
        return [...this.#step(), ...this.#part.add('text', event.agent, event.data.delta)]
      case 'tool_executing': {
        const { callId, tool, input } = event.data
        return [...this.#step(), ...this.#call(this.#names.of(callId), tool, input)]
      }
      case 'tool_completed': {
        const { ok, result, error } = event.data
        const callId = this.#names.of(event.data.callId)
        if (!this.#calls.delete(callId)) return []
        if (ok) return [output(callId, result)]
        if (error?.code === 'APPROVAL_DENIED')
          return [{ type: 'tool-output-denied', toolCallId: callId }]
        return [failure(callId, error?.message)]
      }
      case 'approval_requested': {
        const { approvalId, tool, input } = event.data
        const callId = this.#names.of(event.data.callId)
        const asked: UiMessageChunk = {
          type: 'tool-approval-request',
          approvalId,
          toolCallId: callId,
        }
        if (this.#calls.has(callId)) return [asked]
        this.#questions.add(callId)
        return [...this.#step(), ...this.#call(callId, tool, input), asked]
      }
      case 'approval_resolved': {
        const { outcome } = event.data
        const callId = this.#names.of(event.data.callId)
        if (!this.#questions.delete(callId)) return []
        this.#calls.delete(callId)
        if (outcome === 'approved') return [output(callId, { approved: true })]
        if (outcome === 'denied') return [{ type: 'tool-output-denied', toolCallId: callId }]
        return [failure(callId, 'Nobody answered.')]
      }
      case 'subagent_started': {
        const callId = this.#names.of(event.data.callId)
        this.#subagents.set(callId, event.data.agent)
        this.#told.delegated()
        return [subagent(callId, event.data.agent, 'running')]
      }
      case 'subagent_completed': {
        const { agent, ok } = event.data
        const callId = this.#names.of(event.data.callId)
        if (!this.#subagents.delete(callId)) return []
        return [subagent(callId, agent, ok ? 'completed' : 'failed')]
      }
      case 'usage_recorded':
        this.#usage.inputTokens += event.data.inputTokens ?? 0
        this.#usage.outputTokens += event.data.outputTokens ?? 0
        this.#usage.costMicros += event.data.costMicros
        return []
      case 'agent_custom':
        return [...this.#step(), ...this.#part.close(), { type: 'data-custom', data: event.data }]
      case 'queue_position':
        return [{ type: 'data-queue', data: event.data, transient: true }]
      case 'agent_progress':
        return [{ type: 'data-progress', data: event.data, transient: true }]
      case 'agent_completed':
        return this.#finish(event, event.data.result)
      case 'agent_error':
        return [...this.#close(), { type: 'error', errorText: event.data.error.message }]
      case 'agent_cancelled':
        // A cancel is not a failure, but for whom the server cancelled it did fail.
        return event.data.reason === 'shutdown'
          ? [...this.#close(), { type: 'error', errorText: 'The server is shutting down.' }]
          : [...this.#close(), { type: 'abort', reason: event.data.reason }]
      case 'agent_started':
      case 'work_orphaned':
        break
    }
    return []
  }

  #start({ runId, threadId, agent }: AgentEvent): UiMessageChunk {
    this.#metadata = { runId, agent, ...(threadId === undefined ? {} : { threadId }) }
    return { type: 'start', messageId: runId, messageMetadata: this.#metadata }
  }

  /** A step goes on until its tools have answered and something else is said or called. */
  #step(): UiMessageChunk[] {
    if (this.#stepOpen && !(this.#toolsUsed && this.#calls.size === 0)) return []
    const ended: UiMessageChunk[] = this.#stepOpen
      ? [...this.#part.close(), { type: 'finish-step' }]
      : []
    this.#stepOpen = true
    this.#toolsUsed = false
    return [...ended, { type: 'start-step' }]
  }

  #call(callId: string, toolName: string, input: unknown): UiMessageChunk[] {
    this.#calls.add(callId)
    this.#toolsUsed = true
    return [
      ...this.#part.close(),
      {
        type: 'tool-input-available',
        toolCallId: callId,
        toolName,
        input: input ?? {},
        dynamic: true,
      },
    ]
  }

  #finish(event: AgentEvent, result: unknown): UiMessageChunk[] {
    const text = this.#told.missing(result)
    const said =
      text === undefined
        ? []
        : [...this.#step(), ...this.#part.close(), ...this.#part.add('text', event.agent, text)]
    const { runId, agent } = event
    const { inputTokens, outputTokens, costMicros } = this.#usage
    const used = inputTokens + outputTokens + costMicros > 0
    const messageMetadata = {
      ...(this.#metadata ?? { runId, agent }),
      ...(used ? { usage: { inputTokens, outputTokens, costMicros } } : {}),
    }
    return [...said, ...this.#close(), { type: 'finish', messageMetadata }]
  }

  /** Everything that is open is closed before the end. */
  #close(): UiMessageChunk[] {
    const unanswered = [...this.#calls].map((callId) =>
      failure(callId, 'It did not come to an end.'),
    )
    const unfinished = [...this.#subagents].map(([callId, agent]) =>
      subagent(callId, agent, 'failed'),
    )
    this.#calls.clear()
    this.#questions.clear()
    this.#subagents.clear()
    const step: UiMessageChunk[] = this.#stepOpen ? [{ type: 'finish-step' }] : []
    this.#stepOpen = false
    return [...this.#part.close(), ...unanswered, ...unfinished, ...step]
  }
}

function output(toolCallId: string, value: unknown): UiMessageChunk {
  return { type: 'tool-output-available', toolCallId, output: value ?? null, dynamic: true }
}

function failure(toolCallId: string, message: string | undefined): UiMessageChunk {
  const errorText = message ?? 'The tool failed.'
  return { type: 'tool-output-error', toolCallId, errorText, dynamic: true }
}

function subagent(
  id: string,
  agent: string,
  status: 'running' | 'completed' | 'failed',
): UiMessageChunk {
  return { type: 'data-subagent', id, data: { agent, status } }
}
