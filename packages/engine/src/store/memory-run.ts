import { EngineError } from '../errors/engine-error.ts'
import {
  isTerminal,
  type DurableEvent,
  type TerminalEvent,
  type UnnumberedEvent,
} from '../events/agent-event.ts'
import { advance, type RunStatus } from '../runs/run-status.ts'
import { EventSizes } from './event-sizes.ts'
import type { EventBatch, NewRun, RunRecord } from './run-store.ts'

/** One run in memory: how it stands, the newest of its events, and who waits for more. */
export class MemoryRun {
  readonly #run: NewRun
  readonly #mostEvents: number
  readonly #sizing = new EventSizes()
  readonly #watchers = new Set<() => void>()
  #status: RunStatus = 'queued'
  #startedAt: string | undefined
  #end: TerminalEvent | undefined
  #lastSeq = -1
  /** Made when somebody looks: most runs are written far more often than they are read. */
  #record: RunRecord | undefined
  #events: DurableEvent[] = []
  /** Characters of JSON that each kept event takes. */
  #sizes: number[] = []
  characters = 0

  constructor(run: NewRun, mostEvents: number) {
    this.#run = run
    this.#mostEvents = mostEvents
  }

  get runId(): string {
    return this.#run.runId
  }

  get record(): RunRecord {
    return (this.#record ??= this.#recorded())
  }

  get ended(): boolean {
    return this.#end !== undefined
  }

  append(events: readonly UnnumberedEvent[]): readonly DurableEvent[] {
    const [only] = events
    return only !== undefined && events.length === 1 ? [this.#addOne(only)] : this.#addAll(events)
  }

  #addOne(event: UnnumberedEvent): DurableEvent {
    const numbered = number(event, this.#lastSeq + 1)
    // Before anything is kept: what cannot follow, and what cannot be measured, throws here.
    const status = follow(this.#status, numbered)
    const size = this.#sizing.of(numbered)
    this.#keep(numbered, size)
    this.#stand(status)
    return numbered
  }

  /** All of them or none. */
  #addAll(events: readonly UnnumberedEvent[]): readonly DurableEvent[] {
    const first = this.#lastSeq + 1
    const numbered = events.map((event, index) => number(event, first + index))
    const status = numbered.reduce(follow, this.#status)
    const sizes = numbered.map((event) => this.#sizing.of(event))
    for (const [index, event] of numbered.entries()) this.#keep(event, sizes[index] ?? 0)
    this.#stand(status)
    return numbered
  }

  #keep(event: DurableEvent, size: number): void {
    this.#events.push(event)
    this.#sizes.push(size)
    this.characters += size
    this.#lastSeq = event.seq
    if (event.type === 'agent_started') this.#startedAt = event.at
    if (isTerminal(event)) this.#end = event
  }

  /** What there is to tell when events were added. */
  #stand(status: RunStatus): void {
    this.#status = status
    this.#record = undefined
    this.#trim()
    this.wake()
  }

  #recorded(): RunRecord {
    const record = { ...this.#run, status: this.#status, lastSeq: this.#lastSeq }
    const end = this.#end
    return Object.freeze({
      ...record,
      ...(this.#startedAt === undefined ? {} : { startedAt: this.#startedAt }),
      ...(end === undefined ? {} : { endedAt: end.at }),
      ...(end?.type === 'agent_completed' ? { result: end.data.result } : {}),
      ...(end?.type === 'agent_error' ? { error: end.data.error } : {}),
    })
  }

  /** How many of its events are kept. */
  get events(): number {
    return this.#events.length
  }

  /** Tells whoever watches that there is something to read, or nothing any more. */
  wake(): void {
    for (const wake of this.#watchers) wake()
  }

  read(after: number | undefined, limit: number): EventBatch {
    const next = (after ?? -1) + 1
    const oldest = this.#events[0]?.seq ?? 0
    if (next < oldest) {
      throw new EngineError(
        'CURSOR_EVICTED',
        `The events of run "${this.runId}" before number ${oldest} are no longer kept. ` +
          'Read the run itself for how it ended.',
      )
    }
    const events = this.#events.slice(next - oldest, next - oldest + limit)
    const last = events.at(-1)?.seq ?? next - 1
    return { events, ended: this.ended && last >= this.#lastSeq }
  }

  watch(wake: () => void): () => void {
    this.#watchers.add(wake)
    return () => {
      this.#watchers.delete(wake)
    }
  }

  /** Forgets the oldest events until so many characters are free, but for the newest event. */
  forgetEvents(characters: number): void {
    const last = this.#events.length - 1
    let count = 0
    let freed = 0
    while (count < last && freed < characters) {
      freed += this.#sizes[count] ?? 0
      count += 1
    }
    this.#forget(count)
  }

  /** A tenth at a time, so that a long run does not move its whole log for every event. */
  #trim(): void {
    if (this.#events.length <= this.#mostEvents) return
    const surplus = this.#events.length - this.#mostEvents + Math.floor(this.#mostEvents / 10)
    this.#forget(Math.min(surplus, this.#events.length - 1))
  }

  #forget(count: number): void {
    this.#events.splice(0, count)
    for (const size of this.#sizes.splice(0, count)) this.characters -= size
  }
}

function number(event: UnnumberedEvent, seq: number): DurableEvent {
  // Named one by one: what spreads an object copies it field by field, every time.
  const { type, at, runId, threadId, requestId, userId, agent, data } = event
  const numbered =
    threadId === undefined
      ? { type, seq, at, runId, requestId, userId, agent, data }
      : { type, seq, at, runId, threadId, requestId, userId, agent, data }
  // The union's members differ in type and data alone, and both are untouched.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.freeze(numbered) as DurableEvent
}

/** Where an event leaves the run. */
function follow(status: RunStatus, event: DurableEvent): RunStatus {
  if (event.type === 'agent_started') return advance(status, 'running')
  if (event.type === 'agent_completed') return 'completed'
  if (event.type === 'agent_error') return 'failed'
  return event.type === 'agent_cancelled' ? 'cancelled' : status
}
