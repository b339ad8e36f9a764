import { bind, tryCurrentScope } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import type { Failure } from '../errors/failure.ts'
import { WrittenTimes } from '../internal/written-times.ts'
import type { RunStore } from '../store/run-store.ts'
import { EventStamp, type RunIdentity } from './event-stamp.ts'
import { EventWriter, type Stored } from './event-writer.ts'
import { followersTurn, untilRoom } from './followers-room.ts'
import { OpenCalls } from './open-calls.ts'
import { redactNothing, type Redact } from './redaction.ts'
import { isPiece, TextBatch } from './text-batch.ts'
import type {
  EventDraft,
  TerminalDraft,
  TransientDraft,
  TransientEvent,
  UnnumberedEvent,
} from './agent-event.ts'

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
  /** How times are written: the same for all runs of an engine. Default: one of its own. */
  readonly times?: WrittenTimes
}

/** What an agent says or begins: before that it waits for those who follow and are slow. */
const waits = new Set<EventDraft['type']>([
  'agent_text',
  'agent_thinking',
  'tool_executing',
  'subagent_started',
])

/**
 * The one place that emits a run's events (I10). Keeps their order, remembers which calls are open, and lets
 * exactly one terminal event through: what comes after it is refused with `RUN_ENDED`.
 *
 * Made in the run's root scope, it writes in that scope whoever emits.
 */
export class RunJournal {
  readonly #runId: string
  /** Into the root scope of the run, from wherever. */
  readonly enter: <Result>(work: () => Result) => Result
  readonly #isFollowed: () => boolean
  readonly #show: RunJournalOptions['show']
  readonly #onLost: (error: unknown) => void
  readonly #stamp: EventStamp
  readonly #writer: EventWriter
  readonly #open: OpenCalls
  /** Pieces of text that wait for more; undefined where the store asks for no batches. */
  readonly #batch: TextBatch<Stored> | undefined
  #ended = false
  #calls = 0

  constructor(options: RunJournalOptions) {
    const { identity, store, show, onLost, now } = options
    this.#runId = identity.runId
    this.#isFollowed = options.isFollowed ?? (() => false)
    this.#show = show
    this.#onLost = onLost
    const { redact = redactNothing, times = new WrittenTimes() } = options
    this.#stamp = new EventStamp(identity, redact, now, times)
    this.#open = new OpenCalls(now)
    // Without a length of its own, which `bind` would have to copy.
    this.enter = bind(<Result>(...[work]: [() => Result]): Result => work())
    this.#writer = new EventWriter({
      runId: identity.runId,
      store,
      onStored: options.onStored ?? (() => undefined),
      onLost,
      enter: this.enter,
    })
    const { batchMs = 0 } = store
    if (batchMs <= 0) return
    this.#batch = new TextBatch({
      windowMs: batchMs,
      store: (events, taken) => this.#writer.write(events, taken),
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
    if (this.#ended) return Promise.reject(runEnded(this.#runId))
    // What could not be stored when it began has no end.
    if (this.#open.neverBegan(draft)) return undefined
    const waiting = waits.has(draft.type)
    const { refused } = this.#writer
    if (waiting && refused !== undefined) return Promise.reject(refused.error)
    const emitter = waiting ? tryCurrentScope() : undefined
    const event = this.#stamp.stamp(draft)
    try {
      const now = this.#writeNow([event])
      if (now !== undefined) {
        this.#open.track(draft)
        if (now.room !== undefined) return untilRoom(now.room, emitter)
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
    return this.#batch === undefined ? undefined : this.#writer.settled()
  }

  /** A piece of text may wait; whatever else comes takes along what waits, and is stored at once. */
  #append(draft: EventDraft, event: UnnumberedEvent, joins: boolean): Promise<Stored> {
    if (this.#batch === undefined) return this.#writer.write([event])
    if (isPiece(draft)) {
      return this.#batch.add(event, joins) ?? Promise.resolve({ room: this.#writer.room })
    }
    const text = this.#batch.take()
    return this.#writer.write([...text, event], text.length > 0)
  }

  /**
   * Ends the story. Calls that are still open are closed as failed first, innermost first, so that every
   * beginning has its end. What the store does not take is tried a few times; then it rejects, and `unstored` is what
   * is missing.
   */
  end(terminal: TerminalDraft, unfinished: Failure): Promise<void> | undefined {
    if (this.#ended) return Promise.reject(runEnded(this.#runId))
    const closing = this.#open.close(unfinished)
    this.#ended = true
    const events = [...(this.#batch?.take() ?? [])]
    for (const draft of closing) events.push(this.#stamp.stamp(draft))
    events.push(this.#stamp.stamp(terminal))
    try {
      // Nobody waits for those who follow to have read the end.
      if (this.#writeNow(events) !== undefined) return undefined
    } catch (error) {
      this.#onLost(error)
      if (EngineError.is(error)) return Promise.reject(error)
    }
    return this.#writer.writeEnd(events)
  }

  /** The end of the story, where it could not be stored. */
  get unstored(): readonly UnnumberedEvent[] | undefined {
    return this.#writer.unstored
  }

  /** Shows a transient event to whoever watches now. Never fails; nothing is shown after the end. */
  show(draft: TransientDraft): void {
    if (!this.#ended) this.#show(() => this.#stamp.stamp(draft))
  }

  #writeNow(events: readonly UnnumberedEvent[]): Stored | undefined {
    return this.#batch === undefined ? this.#writer.writeNow(events) : undefined
  }
}

function runEnded(runId: string): EngineError {
  return new EngineError('RUN_ENDED', `The run "${runId}" has ended; nothing can be added to it.`)
}
