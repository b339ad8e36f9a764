import type { AgentEvent } from '@ringfence/engine'
import { textOf } from '../chat/result-text.ts'
import type { AgUiEvent } from './ag-ui-event.ts'
import { OpenMessage } from './open-message.ts'
import { UsedModels } from './used-models.ts'

/** What the client calls the run and its thread: it is told of them by these names. */
export interface AgUiNames {
  readonly threadId: string
  readonly runId: string
}

/**
 * A run's events as those of the AG-UI protocol. A fold over the events and nothing else. What was opened is closed
 * before the end, and there is one end, whatever happens: a client takes a stream without one for a success.
 */
export class AgUiEncoder {
  readonly #names: AgUiNames
  readonly #message = new OpenMessage()
  readonly #used = new UsedModels()
  readonly #calls = new Set<string>()
  readonly #subagents = new Set<string>()
  #run: string | undefined
  #textSaid = false

  constructor({ threadId, runId }: AgUiNames) {
    this.#names = { threadId, runId }
  }

  /** The events that an event is; none where the protocol has nothing for it. */
  encode(event: AgentEvent): AgUiEvent[] {
    const started = this.#run === undefined ? this.#start(event) : []
    this.#run = event.runId
    return [...started, ...this.#encode(event)]
  }

  /** What tells a client that the story breaks off here. */
  breakOff(): AgUiEvent[] {
    const message = 'The connection ended before the run did.'
    return [...this.#close(), { type: 'RUN_ERROR', message, code: 'stream_interrupted' }]
  }

  #encode(event: AgentEvent): AgUiEvent[] {
    const { runId } = event
    switch (event.type) {
      case 'agent_started':
        return []
      case 'agent_thinking':
        return this.#message.add('REASONING', event, event.data.text)
      case 'agent_text':
        this.#textSaid = true
        return this.#message.add('TEXT', event, event.data.delta)
      case 'tool_executing': {
        const { callId, tool, input } = event.data
        const toolCallId = `${runId}:${callId}`
        this.#calls.add(callId)
        return [
          ...this.#message.close(),
          { type: 'TOOL_CALL_START', toolCallId, toolCallName: tool },
          { type: 'TOOL_CALL_ARGS', toolCallId, delta: JSON.stringify(input ?? {}) },
          { type: 'TOOL_CALL_END', toolCallId },
        ]
      }
      case 'tool_completed': {
        const { callId, ok, result, error } = event.data
        if (!this.#calls.delete(callId)) return []
        return [answer(runId, callId, ok ? (result ?? null) : { error })]
      }
      case 'subagent_started':
        this.#subagents.add(event.data.callId)
        return [
          {
            type: 'SUBAGENT_STARTED',
            subagentRunId: `${runId}:${event.data.callId}`,
            name: event.data.agent,
          },
        ]
      case 'subagent_completed': {
        const { callId, ok, error } = event.data
        if (!this.#subagents.delete(callId)) return []
        const subagentRunId = `${runId}:${callId}`
        return ok
          ? [{ type: 'SUBAGENT_FINISHED', subagentRunId }]
          : [{ type: 'SUBAGENT_ERROR', subagentRunId, message: error?.message ?? 'It failed.' }]
      }
      case 'usage_recorded':
        this.#used.add(event.data)
        return []
      case 'attempt_restarted':
        this.#textSaid = false
        return [...this.#close(), { type: 'CUSTOM', name: event.type, value: event.data }]
      case 'approval_requested':
      case 'approval_resolved':
      case 'queue_position':
      case 'agent_progress':
        return [{ type: 'CUSTOM', name: event.type, value: event.data }]
      case 'agent_completed': {
        const { result } = event.data
        const text = this.#textSaid ? undefined : textOf(result)
        const said = text === undefined ? [] : this.#message.add('TEXT', event, text)
        return [...said, ...this.#close(), this.#finished('success', result)]
      }
      case 'agent_error': {
        const { code, message } = event.data.error
        return [...this.#close(), { type: 'RUN_ERROR', message, code }]
      }
      case 'agent_cancelled':
        // A cancel is not a failure, but for whom the server cancelled it did fail.
        return event.data.reason === 'shutdown'
          ? [
              ...this.#close(),
              { type: 'RUN_ERROR', message: 'The server is shutting down.', code: 'shutdown' },
            ]
          : [...this.#close(), this.#finished('cancelled', undefined)]
      case 'work_orphaned':
        break
    }
    return []
  }

  /** Whose names the client knows not: with them it can follow and cancel the run, and decide what it asks. */
  #start({ runId, agent }: AgentEvent): AgUiEvent[] {
    return [
      { type: 'RUN_STARTED', ...this.#names, protocolVersion: '1.0' },
      { type: 'CUSTOM', name: 'run', value: { runId, agent } },
    ]
  }

  #finished(type: 'success' | 'cancelled', result: unknown): AgUiEvent {
    const usage = this.#used.all()
    return {
      type: 'RUN_FINISHED',
      ...this.#names,
      outcome: { type },
      ...(result === undefined || result === null ? {} : { result }),
      ...(usage.length === 0 ? {} : { usage }),
    }
  }

  #close(): AgUiEvent[] {
    const runId = this.#run ?? ''
    const error = { code: 'CANCELLED', message: 'It did not come to an end.' }
    const unanswered = [...this.#calls].map((callId) => answer(runId, callId, { error }))
    const unfinished = [...this.#subagents].map((callId): AgUiEvent => ({
      type: 'SUBAGENT_ERROR',
      subagentRunId: `${runId}:${callId}`,
      message: error.message,
    }))
    this.#calls.clear()
    this.#subagents.clear()
    return [...this.#message.close(), ...unanswered, ...unfinished]
  }
}

function answer(runId: string, callId: string, content: unknown): AgUiEvent {
  const toolCallId = `${runId}:${callId}`
  const messageId = `${toolCallId}:result`
  return { type: 'TOOL_CALL_RESULT', messageId, toolCallId, content: JSON.stringify(content) }
}
