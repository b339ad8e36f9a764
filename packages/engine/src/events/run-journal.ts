import { bind, tryCurrentScope } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import type { Failure } from '../errors/failure.ts'
import { deepFreeze } from '../internal/deep-freeze.ts'
import { unlessAborted } from '../internal/unless-aborted.ts'
import type { RunRecord, RunStore } from '../store/run-store.ts'
import { isStoreTimeout } from '../store/store-timeout.ts'
import { OpenCalls } from './open-calls.ts'
import { redactData, redactNothing, type Redact } from './redaction.ts'
import { isPiece, TextBatch } from './text-batch.ts'
import type {
  DurableEvent,
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

export interface RunJournalOptions {
  readonly identity: RunIdentity
  readonly store: RunStore
  /** Takes the secrets of the run's context out of a text. Default: there are none. */
  readonly redact?: Redact
  /** Told of each transient event, which it makes where somebody wants to see it. */
  readonly show: (make: () => TransientEvent) => void
  /** Told of the numbers of events that were stored. Returns what the run's agent is to wait for. */
  readonly onStored?: (first: number, last: number) => Promise<void> | undefined
  /** Told when events could not be stored. */
  readonly onLost: (error: unknown) => void
  readonly now: () => number
}

/** Milliseconds between attempts to store the end of a run: nothing else can be told of it any more. */
const endWaitsMs = [50, 250]

/** What an agent says or begins: before that it waits for those who follow and are slow. */
const waits = new Set<EventDraft['type']>([
  'agent_text',
  'agent_thinking',
  'tool_executing',
  'subagent_started',
])

/** What was stored, with what an agent is to wait for: in an object, because a promise would be waited for. */
interface Stored {
  readonly room: Promise<void> | undefined
}

/**
 * The one place that emits a run's events (I10). Keeps their order, remembers which calls are open, and lets
 * exactly one terminal event through: what comes after it is refused with `RUN_ENDED`.
 *
 * Made in the run's root scope, it writes in that scope whoever emits.
 */
export class RunJournal {
  readonly #identity: RunIdentity
  readonly #now: () => number
  readonly #write: (events: readonly UnnumberedEvent[]) => Promise<readonly DurableEvent[]>
  readonly #read: () => Promise<RunRecord | undefined>
  readonly #redact: Redact
  readonly #onStored: (first: number, last: number) => Promise<void> | undefined
  readonly #show: RunJournalOptions['show']
  readonly #onLost: (error: unknown) => void
  readonly #open: OpenCalls
  /** Pieces of text that wait for more; undefined where the store asks for no batches. */
  readonly #batch: TextBatch<Stored> | undefined
  #written: Promise<unknown> = Promise.resolve()
  #room: Promise<void> | undefined
  /** Why text is missing that its agent was let go on with. */
  #refused: { readonly error: unknown } | undefined
  #ended = false
  #unstored: readonly UnnumberedEvent[] | undefined
  #calls = 0
  /** How many writes the store did not answer in time, and what the newest of them failed with. */
  #unanswered: { readonly timeouts: number; readonly error: unknown } = {
    timeouts: 0,
    error: undefined,
  }

  constructor(options: RunJournalOptions) {
    const { identity, store, show, onLost, now } = options
    this.#redact = options.redact ?? redactNothing
    this.#onStored = options.onStored ?? (() => undefined)
    this.#identity = identity
    this.#now = now
    this.#open = new OpenCalls(now)
    this.#show = show
    this.#onLost = onLost
    this.#read = bind(() => store.get(identity.runId))
    this.#write = bind((events: readonly UnnumberedEvent[]) => store.append(identity.runId, events))
    const { batchMs = 0 } = store
    if (batchMs <= 0) return
    this.#batch = new TextBatch({
      windowMs: batchMs,
      store: (events, taken) => this.#enqueue(events, taken),
    })
  }

  /** An id for a tool call or a delegation: unique within the run. */
  nextCallId(): string {
    this.#calls += 1
    return `call-${this.#calls}`
  }

  /**
   * Resolves when the event is stored; in a store that asks for batches a piece of text also where there is room for it
   * beside others that wait. Text that was taken and could not be stored fails whatever is said or begun after it, and
   * `settled`. A piece that `joins` may become part of the one before.
   */
  append(draft: EventDraft, joins: boolean = false): Promise<void> {
    if (this.#ended) return Promise.reject(runEnded(this.#identity.runId))
    // What could not be stored when it began has no end.
    if (this.#open.neverBegan(draft)) return Promise.resolve()
    const waiting = waits.has(draft.type)
    if (waiting && this.#refused !== undefined) return Promise.reject(this.#refused.error)
    const emitter = waiting ? tryCurrentScope() : undefined
    const stored = this.#store(draft, joins)
    stored.catch(this.#open.track(draft))
    return stored.then(({ room }) => {
      // What is told to stop waits for nobody.
      if (room === undefined || emitter?.lifecycle !== 'open') return undefined
      return unlessAborted(room, emitter.signal)
    })
  }

  /** Resolves when nothing is being stored any more. Rejects where text that was taken could not be. */
  async settled(): Promise<void> {
    if (this.#batch === undefined) return
    await this.#written
    if (this.#refused !== undefined) throw this.#refused.error
  }

  /** A piece of text may wait; whatever else comes takes along what waits, and is stored at once. */
  #store(draft: EventDraft, joins: boolean): Promise<Stored> {
    const event = this.#stamp(draft)
    if (this.#batch === undefined) return this.#enqueue([event])
    if (isPiece(draft)) {
      return this.#batch.add(event, joins) ?? Promise.resolve({ room: this.#room })
    }
    const text = this.#batch.take()
    return this.#enqueue([...text, event], text.length > 0)
  }

  /**
   * Ends the story. Calls that are still open are closed as failed first, innermost first, so that every
   * beginning has its end. What the store does not take is tried a few times; then it rejects, and `unstored` is what
   * is missing.
   */
  end(terminal: TerminalDraft, unfinished: Failure): Promise<void> {
    if (this.#ended) return Promise.reject(runEnded(this.#identity.runId))
    const closing = this.#open.close(unfinished)
    this.#ended = true
    const text = this.#batch?.take() ?? []
    return this.#storeEnd([...text, ...[...closing, terminal].map((draft) => this.#stamp(draft))])
  }

  /** The end of the story, where it could not be stored. */
  get unstored(): readonly UnnumberedEvent[] | undefined {
    return this.#unstored
  }

  async #storeEnd(events: readonly UnnumberedEvent[]): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await this.#enqueue(events, false, true)
        return
      } catch (error) {
        if (isStoreTimeout(error)) this.#unstored = events
        if (EngineError.is(error)) {
          // The store had taken it, and could not say so.
          if (attempt > 0 && error.code === 'RUN_ENDED' && (await this.#endsWith(events))) return
          throw error
        }
        const waitMs = endWaitsMs[attempt]
        if (waitMs === undefined) {
          this.#unstored = events
          throw error
        }
        await new Promise((resolve) => setTimeout(resolve, waitMs))
      }
    }
  }

  async #endsWith(events: readonly UnnumberedEvent[]): Promise<boolean> {
    const record = await this.#read().catch(() => undefined)
    return record?.endedAt !== undefined && record.endedAt === events.at(-1)?.at
  }

  /** Shows a transient event to whoever watches now. Never fails; nothing is shown after the end. */
  show(draft: TransientDraft): void {
    if (!this.#ended) this.#show(() => this.#stamp(draft))
  }

  /**
   * Resolves when they are stored, with what an agent is to wait for: that those who follow have kept up. `taken`: there
   * is text among them that its agent was let go on with.
   */
  #enqueue(
    events: readonly UnnumberedEvent[],
    taken: boolean = false,
    final: boolean = false,
  ): Promise<Stored> {
    const { timeouts } = this.#unanswered
    const written = this.#written.then(() => {
      const { timeouts: since, error } = this.#unanswered
      // What stood in line behind a write that the store did not answer is not tried one by one, but for the end.
      if (since > timeouts && !final) throw error
      return this.#write(events)
    })
    // One write that fails must not block the next: each caller hears of its own.
    this.#written = written.catch((error: unknown) => {
      if (taken) this.#refused ??= { error }
      const { timeouts: known, error: newest } = this.#unanswered
      if (isStoreTimeout(error) && error !== newest)
        this.#unanswered = { timeouts: known + 1, error }
      this.#onLost(error)
    })
    return written.then((stored) => {
      const [first] = stored
      const last = stored.at(-1)
      if (first === undefined || last === undefined) return { room: undefined }
      this.#room = this.#onStored(first.seq, last.seq)
      return { room: this.#room }
    })
  }

  #stamp<Draft extends EventDraft | TransientDraft>(
    draft: Draft,
  ): Draft & RunIdentity & { readonly at: string } {
    const at = new Date(this.#now()).toISOString()
    const { type, agent } = draft
    // In the order in which a reader wants to see them: what, when, whose, by whom, and then all of it.
    const data = this.#redact === redactNothing ? draft.data : redactData(draft.data, this.#redact)
    const event = { type, at, ...this.#identity, agent, data }
    // Only texts differ from the draft's data.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return deepFreeze(event) as unknown as Draft & RunIdentity & { readonly at: string }
  }
}

function runEnded(runId: string): EngineError {
  return new EngineError('RUN_ENDED', `The run "${runId}" has ended; nothing can be added to it.`)
}
