import { bind } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import type { Failure } from '../errors/failure.ts'
import type { RunStore } from '../store/run-store.ts'
import type {
  EventDraft,
  TerminalDraft,
  TransientDraft,
  TransientEvent,
  UnnumberedEvent,
} from './agent-event.ts'

/** What every event of a run carries. */
export interface RunIdentity {
  readonly runId: string
  readonly threadId?: string | undefined
  readonly requestId: string
  readonly userId: string
}

type OpeningDraft = Extract<EventDraft, { type: 'tool_executing' | 'subagent_started' }>

/**
 * The one place that emits a run's events (I10). Keeps their order, remembers which calls are open, and lets
 * exactly one terminal event through: what comes after it is refused with `RUN_ENDED`.
 *
 * Made in the run's root scope, it writes in that scope whoever emits.
 */
export class RunJournal {
  readonly #identity: RunIdentity
  readonly #now: () => number
  readonly #write: (events: readonly UnnumberedEvent[]) => Promise<unknown>
  readonly #show: (event: TransientEvent) => void
  /** Calls that have begun and not ended, with their beginning in epoch milliseconds. */
  readonly #open = new Map<string, { readonly draft: OpeningDraft; readonly since: number }>()
  #written: Promise<unknown> = Promise.resolve()
  #ended = false
  #calls = 0

  constructor(
    identity: RunIdentity,
    store: RunStore,
    show: (event: TransientEvent) => void,
    now: () => number,
  ) {
    this.#identity = identity
    this.#now = now
    this.#show = show
    this.#write = bind((events: readonly UnnumberedEvent[]) => store.append(identity.runId, events))
  }

  /** An id for a tool call or a delegation: unique within the run. */
  nextCallId(): string {
    this.#calls += 1
    return `call-${this.#calls}`
  }

  /** Resolves when the event is stored. */
  append(draft: EventDraft): Promise<void> {
    if (this.#ended) return Promise.reject(runEnded(this.#identity.runId))
    if (draft.type === 'tool_executing' || draft.type === 'subagent_started') {
      this.#open.set(draft.data.callId, { draft, since: this.#now() })
    } else if (draft.type === 'tool_completed' || draft.type === 'subagent_completed') {
      this.#open.delete(draft.data.callId)
    }
    return this.#enqueue([draft])
  }

  /**
   * Ends the story. Calls that are still open are closed as failed first, innermost first, so that every
   * beginning has its end.
   */
  end(terminal: TerminalDraft, unfinished: Failure): Promise<void> {
    if (this.#ended) return Promise.reject(runEnded(this.#identity.runId))
    const now = this.#now()
    const closing = [...this.#open.values()]
      .toReversed()
      .map(({ draft, since }) => closeCall(draft, unfinished, now - since))
    this.#open.clear()
    this.#ended = true
    return this.#enqueue([...closing, terminal])
  }

  /** Shows a transient event to whoever watches now. Never fails; nothing is shown after the end. */
  show(draft: TransientDraft): void {
    if (!this.#ended) this.#show(this.#stamp(draft))
  }

  #enqueue(drafts: readonly EventDraft[]): Promise<void> {
    const events = drafts.map((draft) => this.#stamp(draft))
    const written = this.#written.then(() => this.#write(events))
    // One write that fails must not block the next: each caller hears of its own.
    this.#written = written.catch(() => undefined)
    return written.then(() => undefined)
  }

  #stamp<Draft extends EventDraft | TransientDraft>(
    draft: Draft,
  ): Draft & RunIdentity & { readonly at: string } {
    return Object.assign({ at: new Date(this.#now()).toISOString() }, this.#identity, draft)
  }
}

function closeCall(draft: OpeningDraft, error: Failure, durationMs: number): EventDraft {
  const { agent } = draft
  const { callId } = draft.data
  const ended = { callId, ok: false, error, durationMs }
  return draft.type === 'tool_executing'
    ? { type: 'tool_completed', agent, data: { ...ended, tool: draft.data.tool } }
    : { type: 'subagent_completed', agent, data: { ...ended, agent: draft.data.agent } }
}

function runEnded(runId: string): EngineError {
  return new EngineError('RUN_ENDED', `The run "${runId}" has ended; nothing can be added to it.`)
}
