import { bind, tryCurrentScope, type Scope } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import type { Failure } from '../errors/failure.ts'
import { deepFreeze } from '../internal/deep-freeze.ts'
import { unlessAborted } from '../internal/unless-aborted.ts'
import { appendNow } from '../store/memory-run-store.ts'
import type { RunStore } from '../store/run-store.ts'
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
  /** Whether anybody follows the run now. Default: nobody. */
  readonly isFollowed?: () => boolean
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
  readonly #store: RunStore
  /** Into the root scope of the run, from wherever. */
  readonly enter: <Result>(work: () => Result) => Result
  readonly #redact: Redact
  readonly #onStored: (first: number, last: number) => Promise<void> | undefined
  readonly #isFollowed: () => boolean
  readonly #show: RunJournalOptions['show']
  readonly #onLost: (error: unknown) => void
  readonly #open: OpenCalls
  /** Pieces of text that wait for more; undefined where the store asks for no batches. */
  readonly #batch: TextBatch<Stored> | undefined
  /** Undefined where nothing was written but at once. */
  #written: Promise<unknown> | undefined
  #stampedAt: { readonly ms: number; readonly text: string } | undefined
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
    this.#isFollowed = options.isFollowed ?? (() => false)
    this.#identity = identity
    this.#now = now
    this.#open = new OpenCalls(now)
    this.#show = show
    this.#onLost = onLost
    this.#store = store
    // Without a length of its own, which `bind` would have to copy.
    this.enter = bind(<Result>(...[work]: [() => Result]): Result => work())
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
   * Resolves when the event is stored, and is undefined where it is already; never throws. In a store that asks for batches a piece of text also where there is room for it
   * beside others that wait. Text that was taken and could not be stored fails whatever is said or begun after it, and
   * `settled`. A piece that `joins` may become part of the one before.
   */
  append(draft: EventDraft, joins: boolean = false): Promise<void> | undefined {
    if (this.#ended) return Promise.reject(runEnded(this.#identity.runId))
    // What could not be stored when it began has no end.
    if (this.#open.neverBegan(draft)) return undefined
    const waiting = waits.has(draft.type)
    if (waiting && this.#refused !== undefined) return Promise.reject(this.#refused.error)
    const emitter = waiting ? tryCurrentScope() : undefined
    const event = this.#stamp(draft)
    try {
      const now = this.#writeNow([event])
      if (now !== undefined) {
        this.#open.track(draft)
        const room = this.#told(now)
        if (room !== undefined) return untilRoom(room, emitter)
        return this.#isFollowed() ? followersTurn() : undefined
      }
    } catch (error) {
      this.#onLost(error)
      return Promise.reject(error)
    }
    const stored = this.#append(draft, event, joins)
    stored.catch(this.#open.track(draft))
    return stored.then(({ room }) => untilRoom(room, emitter))
  }

  /** Resolves when nothing is being stored any more; undefined where nothing is. Rejects where text that was taken could not be. */
  settled(): Promise<void> | undefined {
    return this.#batch === undefined ? undefined : this.#settled()
  }

  async #settled(): Promise<void> {
    await this.#written
    if (this.#refused !== undefined) throw this.#refused.error
  }

  /** A piece of text may wait; whatever else comes takes along what waits, and is stored at once. */
  #append(draft: EventDraft, event: UnnumberedEvent, joins: boolean): Promise<Stored> {
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
  end(terminal: TerminalDraft, unfinished: Failure): Promise<void> | undefined {
    if (this.#ended) return Promise.reject(runEnded(this.#identity.runId))
    const closing = this.#open.close(unfinished)
    this.#ended = true
    const text = this.#batch?.take() ?? []
    const events = [...text, ...[...closing, terminal].map((draft) => this.#stamp(draft))]
    try {
      const stored = this.#writeNow(events)
      if (stored !== undefined) {
        void this.#told(stored)
        return undefined
      }
    } catch (error) {
      this.#onLost(error)
      if (EngineError.is(error)) return Promise.reject(error)
    }
    return this.#storeEnd(events)
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
    const { runId } = this.#identity
    const record = await this.enter(() => this.#store.get(runId)).catch(() => undefined)
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
    const { runId } = this.#identity
    const { timeouts } = this.#unanswered
    const written = (this.#written ?? Promise.resolve()).then(() => {
      const { timeouts: since, error } = this.#unanswered
      // What stood in line behind a write that the store did not answer is not tried one by one, but for the end.
      if (since > timeouts && !final) throw error
      return this.enter(() => this.#store.append(runId, events))
    })
    // One write that fails must not block the next: each caller hears of its own.
    this.#written = written.catch((error: unknown) => {
      if (taken) this.#refused ??= { error }
      const { timeouts: known, error: newest } = this.#unanswered
      if (isStoreTimeout(error) && error !== newest)
        this.#unanswered = { timeouts: known + 1, error }
      this.#onLost(error)
    })
    return written.then((stored) => ({ room: this.#told(stored) }))
  }

  /** Where the store takes events at once, and none of this run waits for it. Undefined where it does not. */
  #writeNow(events: readonly UnnumberedEvent[]): readonly DurableEvent[] | undefined {
    if (this.#written !== undefined || this.#batch !== undefined) return undefined
    const { runId } = this.#identity
    return this.enter(() => appendNow(this.#store, runId, events))
  }

  /** Tells that events are stored. Returns what an agent is to wait for. */
  #told(stored: readonly DurableEvent[]): Promise<void> | undefined {
    const [first] = stored
    const last = stored.at(-1)
    if (first === undefined || last === undefined) return undefined
    this.#room = this.#onStored(first.seq, last.seq)
    return this.#room
  }

  #stamp<Draft extends EventDraft | TransientDraft>(
    draft: Draft,
  ): Draft & RunIdentity & { readonly at: string } {
    const at = this.#time()
    const { type, agent } = draft
    const { runId, threadId, requestId, userId } = this.#identity
    const data =
      this.#redact === redactNothing ? deepFreeze(draft.data) : redactData(draft.data, this.#redact)
    // In the order in which a reader wants to see them: what, when, whose, by whom, and then all of it.
    const event = Object.freeze(
      threadId === undefined
        ? { type, at, runId, requestId, userId, agent, data }
        : { type, at, runId, threadId, requestId, userId, agent, data },
    )
    // Only texts differ from the draft's data.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return event as unknown as Draft & RunIdentity & { readonly at: string }
  }

  /** Now, as it is written. Several events have the same time. */
  #time(): string {
    const ms = this.#now()
    if (this.#stampedAt?.ms !== ms) this.#stampedAt = { ms, text: new Date(ms).toISOString() }
    return this.#stampedAt.text
  }
}

/** Microtasks that a follower takes to read an event. */
const turnsToRead = 8

/** Long enough for whoever reads as fast as they can: no run outpaces them by never giving way. */
async function followersTurn(): Promise<void> {
  for (let turn = 0; turn < turnsToRead; turn += 1) await Promise.resolve()
}

/** Until those who follow have kept up. What is told to stop waits for nobody. */
function untilRoom(
  room: Promise<void> | undefined,
  emitter: Scope | undefined,
): Promise<void> | undefined {
  if (room === undefined || emitter?.lifecycle !== 'open') return undefined
  return unlessAborted(room, emitter.signal)
}

function runEnded(runId: string): EngineError {
  return new EngineError('RUN_ENDED', `The run "${runId}" has ended; nothing can be added to it.`)
}
