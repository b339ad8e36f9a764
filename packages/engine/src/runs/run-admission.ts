import { EngineError } from '../errors/engine-error.ts'
import type { EngineLimits } from '../limits.ts'
import { InputBudget } from '../scheduling/input-budget.ts'
import { Scheduler } from '../scheduling/scheduler.ts'
import type { ThreadPolicy } from '../scheduling/thread-policy.ts'
import { ThreadTurns } from '../scheduling/thread-turns.ts'
import { LiveRun } from './live-run.ts'
import { LiveRuns } from './live-runs.ts'

export interface AdmissionRequest {
  /** Canonical. */
  readonly owner: string
  readonly agent: string
  /** The id that the run gets. */
  readonly runId: string
  /** About how much memory its input holds. */
  readonly characters: number
  readonly weight: number
  readonly threadId: string | undefined
  readonly policy: ThreadPolicy
  /** The run that starts this one, if one does. */
  readonly startedBy: string | undefined
}

/** A run that has its place, and the ones that it replaces once it is stored; or the run that it joins. */
export type Admission =
  | { readonly run: LiveRun; readonly replaces: readonly LiveRun[] }
  | { readonly joins: LiveRun }

/** Gives runs their place: among their owner's, in their thread and in the queue. */
export class RunAdmission {
  readonly runs: LiveRuns = new LiveRuns()
  readonly scheduler: Scheduler
  readonly #inputs: InputBudget
  readonly #threads = new ThreadTurns()

  constructor(limits: EngineLimits) {
    this.scheduler = new Scheduler(limits)
    this.#inputs = new InputBudget(limits)
  }

  /** Throws `THREAD_BUSY`, `INVALID_INPUT`, `OWNER_QUEUE_FULL` and `QUEUE_FULL`; then nothing is left behind. */
  admit(request: AdmissionRequest): Admission {
    const { owner, threadId, policy, startedBy } = request
    if (threadId === undefined) return { run: this.#enter(request, false), replaces: [] }
    const holder = this.#threads.holder(owner, threadId, startedBy)
    if (holder !== undefined) {
      if (policy === 'join' && holder.agent === request.agent) return { joins: holder }
      if (policy === 'join' || policy === 'reject') throw threadBusy(holder.agent)
    }
    const waits = holder !== undefined && policy !== 'parallel'
    const replaces = waits && policy === 'replace' ? this.#threads.runs(owner, threadId) : []
    const run = this.#enter(request, waits)
    this.#threads.enter(owner, threadId, run, waits)
    return { run, replaces }
  }

  #enter(request: AdmissionRequest, held: boolean): LiveRun {
    const { owner, agent, runId, characters, weight } = request
    if (this.runs.get(owner, runId) !== undefined) {
      throw new Error('Expected `createRunId` to make a new id, got that of a run that is going on')
    }
    const giveBack = this.#inputs.take(owner, characters)
    let run: LiveRun
    try {
      run = new LiveRun(runId, agent, (onPosition) =>
        this.scheduler.enter(owner, onPosition, { weight, held }),
      )
    } catch (error) {
      giveBack()
      throw error
    }
    this.runs.add(owner, run)
    run.onEnd(() => {
      giveBack()
      this.runs.remove(owner, run)
    })
    return run
  }
}

function threadBusy(agent: string): EngineError {
  return new EngineError(
    'THREAD_BUSY',
    `A run of the agent "${agent}" is going on in this thread. Try again when it has ended, or cancel it.`,
    { retryAfterMs: 1_000 },
  )
}
