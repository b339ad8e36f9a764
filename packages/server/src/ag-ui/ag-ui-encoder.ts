import type { AgentEvent } from '@ringfence/engine'
import { CallNames } from '../events/call-names.ts'
import { ToldText } from '../chat/result-text.ts'
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
  readonly #callNames = new CallNames()
  readonly #message = new OpenMessage()
  readonly #used = new UsedModels()
  readonly #calls = new Set<string>()
  readonly #subagents = new Set<string>()
  readonly #told = new ToldText()
  #started = false

  constructor({ threadId, runId }: AgUiNames) {
    this.#names = { threadId, runId }
  }

  /** The events that an event is; none where the protocol has nothing for it. */
  encode(event: AgentEvent): AgUiEvent[] {
    const started = this.#started ? [] : this.#start(event)
    this.#started = true
    return [...started, ...this.#encode(event)]
  }

  /** What tells a client that the story breaks off here. */
  breakOff(): AgUiEvent[] {
    const message = 'The connection ended before the run did.'
    return [...this.#close(), { type: 'RUN_ERROR', message, code: 'stream_interrupted' }]
  }

  #encode(event: AgentEvent): AgUiEvent[] {
    switch (event.type) {
      case 'agent_started':
        return []
      case 'agent_thinking':
        return this.#message.add('REASONING', event, event.data.text)
      case 'agent_text':
        this.#told.add(event.data.delta)
        return this.#message.add('TEXT', event, event.data.delta)
      case 'tool_executing': {
        const { tool, input } = event.data
        const toolCallId = this.#call(event)
        this.#calls.add(toolCallId)
        return [
          ...this.#message.close(),
          { type: 'TOOL_CALL_START', toolCallId, toolCallName: tool },
          { type: 'TOOL_CALL_ARGS', toolCallId, delta: JSON.stringify(input ?? {}) },
          { type: 'TOOL_CALL_END', toolCallId },
        ]
      }
      case 'tool_completed': {
        const { ok, result, error } = event.data
        const toolCallId = this.#call(event)
        if (!this.#calls.delete(toolCallId)) return []
        return [answer(toolCallId, ok ? (result ?? null) : { error })]
      }
      case 'subagent_started': {
        const subagentRunId = this.#call(event)
        this.#subagents.add(subagentRunId)
        this.#told.delegated()
        return [{ type: 'SUBAGENT_STARTED', subagentRunId, name: event.data.agent }]
      }
      case 'subagent_completed': {
        const { ok, error } = event.data
        const subagentRunId = this.#call(event)
        if (!this.#subagents.delete(subagentRunId)) return []
        return ok
          ? [{ type: 'SUBAGENT_FINISHED', subagentRunId }]
          : [{ type: 'SUBAGENT_ERROR', subagentRunId, message: error?.message ?? 'It failed.' }]
      }
      case 'usage_recorded':
        this.#used.add(event.data)
        return []
      case 'attempt_restarted': {
        const closed = this.#close()
        this.#told.restart()
        this.#callNames.restart(event.data.attempt)
        return [...closed, { type: 'CUSTOM', name: event.type, value: event.data }]
      }
      case 'agent_custom':
      case 'approval_requested':
      case 'approval_resolved':
      case 'queue_position':
      case 'agent_progress':
        return [{ type: 'CUSTOM', name: event.type, value: event.data }]
      case 'agent_completed': {
        const { result } = event.data
        const text = this.#told.missing(result)
        const said =
          text === undefined
            ? []
            : [...this.#message.close(), ...this.#message.add('TEXT', event, text)]
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

  /** A name that no other run of the thread has. */
  #call({
    runId,
    data,
  }: {
    readonly runId: string
    readonly data: { readonly callId: string }
  }): string {
    return `${runId}:${this.#callNames.of(data.callId)}`
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
    const error = { code: 'CANCELLED', message: 'It did not come to an end.' }
    const unanswered = [...this.#calls].map((toolCallId) => answer(toolCallId, { error }))
    const unfinished = [...this.#subagents].map((subagentRunId): AgUiEvent => ({
      type: 'SUBAGENT_ERROR',
      subagentRunId,
      message: error.message,
    }))
    this.#calls.clear()
    this.#subagents.clear()
    return [...this.#message.close(), ...unanswered, ...unfinished]
  }
}

function answer(toolCallId: string, content: unknown): AgUiEvent {
  const messageId = `${toolCallId}:result`
  return { type: 'TOOL_CALL_RESULT', messageId, toolCallId, content: JSON.stringify(content) }
}
