import { deepFreeze } from '../internal/deep-freeze.ts'
import type { WrittenTimes } from '../internal/written-times.ts'
import type { EventDraft, TransientDraft } from './agent-event.ts'
import { redactData, redactNothing, type Redact } from './redaction.ts'

/** What every event of a run carries. */
export interface RunIdentity {
  readonly runId: string
  readonly threadId?: string | undefined
  readonly requestId: string
  readonly userId: string
}

/** Makes events of drafts: says whose and when, and takes the secrets of the run's context out. */
export class EventStamp {
  readonly #identity: RunIdentity
  readonly #redact: Redact
  readonly #now: () => number
  readonly #times: WrittenTimes

  constructor(identity: RunIdentity, redact: Redact, now: () => number, times: WrittenTimes) {
    this.#identity = identity
    this.#redact = redact
    this.#now = now
    this.#times = times
  }

  stamp<Draft extends EventDraft | TransientDraft>(
    draft: Draft,
  ): Draft & RunIdentity & { readonly at: string } {
    const at = this.#times.of(this.#now())
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
}
