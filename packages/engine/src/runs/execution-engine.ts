import { canonicalOwner, currentScope, revoke, type Owner } from '@ringfence/context'
import type { AgentSummary } from '../agents/agent-registry.ts'
import { ownerApprovals, type OwnerApprovals } from '../approvals/owner-approvals.ts'
import type { DependencyHealth } from '../dependencies/circuits.ts'
import type { AgentEvent } from '../events/agent-event.ts'
import type { FollowOptions } from '../events/follow-run.ts'
import type { Following } from '../events/following.ts'
import { StartOnce } from '../idempotency/start-once.ts'
import { InstanceFactory, type AgentInstanceFactory } from '../instances/agent-instance-factory.ts'
import { checkedLimit } from '../internal/checked-limit.ts'
import type { OwnerLedger } from '../ledger/owner-ledger.ts'
import { RefusedStarts } from '../statistics/refused-starts.ts'
import type { RunStatistics } from '../statistics/run-statistics.ts'
import type { RunPage, RunPageOptions, RunRecord } from '../store/run-store.ts'
import {
  systemOperations,
  type SystemOperations,
  type SystemOperator,
} from '../system/system-operations.ts'
import { ownerThreads, type OfOwner, type OwnerThreads } from '../threads/owner-threads.ts'
import { closeRuns } from './close-runs.ts'
import { checkHealth, type CheckedHealth, type EngineHealth } from './engine-health.ts'
import type { EngineMetrics } from './engine-metrics.ts'
import { makeParts, type EngineParts } from './engine-parts.ts'
import { executeTakenRun } from './execute-taken-run.ts'
import { ExecutionContexts } from './execution-contexts.ts'
import type { ExecutionEngineOptions } from './execution-engine-options.ts'
import type { Executing } from './launch-run.ts'
import { liveHealth } from './live-health.ts'
import { ownerLoads, type OwnerLoad } from './owner-load.ts'
import { OwnerRuns } from './owner-runs.ts'
import type { RunHandle, StartOptions } from './run-handle.ts'
import type { TakenRun } from './run-queue.ts'
import { startRun } from './start-run.ts'

/**
 * Starts and executes runs, each for exactly one owner: that of the scope in which it is started. There is no
 * other way to name a user, and no anonymous one. One engine serves all users.
 *
 * A run has a root scope of its own: it outlives the request that started it, and requests only follow it.
 * Every method but `agents`, `health`, `checkHealth`, `metrics` and `close` throws `NO_SCOPE` outside a scope.
 */
export class UserExecutionEngine {
  readonly #parts: EngineParts
  readonly #executing: Executing
  readonly #once: StartOnce
  readonly #runs: OwnerRuns
  readonly #refused = new RefusedStarts()
  /** The conversations of the current owner. */
  readonly threads: OwnerThreads
  /** What the current owner's runs ask a person. */
  readonly approvals: OwnerApprovals

  /** Throws `REGISTRY_NOT_FROZEN`, and TypeError for a limit that is none. */
  constructor(options: ExecutionEngineOptions) {
    const parts = makeParts(options)
    const { access, admission, agents, limits, metrics, now, store } = parts
    const contexts = new ExecutionContexts(parts)
    const instances = new InstanceFactory(agents, metrics, (agent) => contexts.current(agent))
    this.#parts = parts
    this.#executing = { parts, contexts, instances }
    this.#once = new StartOnce({ store, keyMs: limits.idempotencyKeyMs, now })
    this.#runs = new OwnerRuns(parts)
    this.threads = ownerThreads(store.threads, access, now)
    this.approvals = ownerApprovals({
      store: store.approvals,
      access,
      now,
      insideRun: () => admission.runs.current() !== undefined,
    })
  }

  /** Makes instances in the current scope; inside a run their events join the run's. */
  get instances(): AgentInstanceFactory {
    return this.#executing.instances.published
  }

  /** What the owner of the current scope has used, and what is left of their budgets. */
  get ledger(): OwnerLedger {
    return this.#parts.accounts.ledger
  }

  /** What can run. Tells nothing of anybody. */
  agents(): readonly AgentSummary[] {
    return this.#parts.agents.list()
  }

  /**
   * Starts a run of the current owner. Resolves when it is queued; it executes when both limits allow.
   *
   * Rejects with `UNKNOWN_AGENT`, `INVALID_INPUT` (with paths), `OWNER_QUEUE_FULL`, `QUEUE_FULL`, `THREAD_BUSY` and
   * `TOO_MANY_ORPHANS` (with `retryAfterMs`), `DELEGATION_TOO_DEEP` where runs start each other in a circle,
   * `IDEMPOTENCY_CONFLICT` and `IDEMPOTENCY_LIMIT` with a key, `RUN_DEADLINE` where checking the input takes longer than a run may,
   * `ENGINE_CLOSED`, and `NO_SCOPE`. Nothing is left behind
   * by a rejected start.
   */
  async start(agent: string, input: unknown, options: StartOptions = {}): Promise<RunHandle> {
    try {
      return await startRun(this.#executing, this.#once, agent, input, options)
    } catch (error) {
      this.#refused.count(error)
      throw error
    }
  }

  /**
   * The run of that id. Rejects with `RUN_NOT_FOUND` where the current owner has none, whether it never
   * was, is no longer kept, or is somebody else's.
   */
  run(runId: string, { owner }: OfOwner = {}): Promise<RunRecord> {
    return this.#runs.get(runId, owner)
  }

  /**
   * The current owner's runs, newest first, a page at a time; `threadId` narrows them to one conversation. Rejects with `CURSOR_EVICTED` where `before` is no run of
   * theirs, or no longer: what follows it is not known.
   */
  runs({ owner, ...page }: RunPageOptions & OfOwner = {}): Promise<RunPage> {
    return this.#runs.list(page, owner)
  }

  /**
   * Executes a run that this process has taken from a queue, in a scope of its owner. Resolves when its terminal event
   * is stored. Rejects, with nothing told of the run, where it cannot begin (`UNKNOWN_AGENT`, `INVALID_INPUT`, `ENGINE_CLOSED`,
   * `OWNER_QUEUE_FULL`, `QUEUE_FULL`, `TOO_MANY_ORPHANS`), and with `ATTEMPT_OVER` where another attempt has taken its place. For queues.
   */
  execute(taken: TakenRun): Promise<void> {
    return executeTakenRun(this.#executing, taken)
  }

  /**
   * Follows a run: its events so far, then those to come, up to the terminal one. No gap, no repeat.
   * Rejects, before anything is sent, with `RUN_NOT_FOUND`, and with `CURSOR_EVICTED` where events after
   * `after` are no longer kept. The iterator belongs to the current scope and is released at its close.
   */
  events(runId: string, options: FollowOptions = {}): Promise<AsyncIterableIterator<AgentEvent>> {
    return this.#runs.events(runId, options)
  }

  /**
   * `events`, for who is told of each event: `(await engine.follow(runId)).each((event) => write(event))`. Rejects as
   * `events` does. It belongs to the current scope and is released at its close.
   */
  follow(runId: string, options: FollowOptions = {}): Promise<Following> {
    return this.#runs.follow(runId, options)
  }

  /**
   * Ends a run: its signal aborts, what ignores it is fenced, and its terminal event says
   * `agent_cancelled`. Resolves when that is stored, with the run as it ended; a run that has ended
   * already stays as it is. Rejects with `RUN_NOT_FOUND` as `run` does. It is
   * done also where the scope that cancels closes meanwhile (`SCOPE_CLOSED`), and need not be waited for.
   */
  cancel(runId: string, { owner }: OfOwner = {}): Promise<RunRecord> {
    const cancelled = this.#cancel(runId, owner)
    // Whoever does not wait for it does not look at how it went, either.
    cancelled.catch(() => undefined)
    return cancelled
  }

  /** In a root scope: whoever cancels may be gone before it is done, and is told nothing then. */
  async #cancel(runId: string, owner: Owner | undefined): Promise<RunRecord> {
    const caller = currentScope()
    const cancel = (): Promise<RunRecord> => this.#runs.cancel(runId, owner)
    const record = await caller.detach('cancel a run', { deadlineMs: Infinity }, cancel)
    void caller.context
    return record
  }

  /**
   * Removes a run that has ended, with its events and approvals. Rejects with `RUN_GOES_ON`, and with
   * `RUN_NOT_FOUND` as `run` does.
   */
  delete(runId: string, { owner }: OfOwner = {}): Promise<void> {
    return this.#runs.delete(runId, owner)
  }

  /**
   * What crosses owners, for jobs and operators; each operation is on the audit trail under the operator's name.
   * Throws `SYSTEM_ONLY` inside anybody's scope, and TypeError without a name.
   */
  system(operator: SystemOperator): SystemOperations {
    const { accounts, admission, lostEnds, now, statistics, store } = this.#parts
    return systemOperations({
      store,
      operator,
      now,
      endRuns: async (owner) => {
        revoke(owner)
        const key = canonicalOwner(owner)
        await Promise.all(admission.runs.of(key).map((run) => run.ended))
        for (const part of [statistics, lostEnds, accounts]) part.forget(key)
      },
    })
  }

  /** How the dependencies of tools and models do that fail for somebody. For metrics: names nobody. */
  dependencies(): readonly DependencyHealth[] {
    return this.#parts.circuits.health()
  }

  /** Counted from live parts, at once; nothing is assumed. What has to be asked is `checkHealth`'s. */
  health(): EngineHealth {
    return liveHealth(this.#parts)
  }

  /**
   * The same after asking the store, which has `timeoutMs` milliseconds (default 1,000) to answer, and looking how late
   * the event loop is. Never rejects for what it finds; throws TypeError for a time that is none.
   */
  checkHealth({ timeoutMs = 1_000 }: { readonly timeoutMs?: number } = {}): Promise<CheckedHealth> {
    checkedLimit('timeoutMs', timeoutMs, 1)
    return checkHealth(() => this.health(), this.#parts.store, timeoutMs)
  }

  /** How the current owner's runs went since the engine was made. Throws `NO_SCOPE`. */
  statistics(): RunStatistics {
    return this.#parts.statistics.of(canonicalOwner(currentScope().owner))
  }

  /** How all runs went, and what is made for them. For operators: names nobody, and works outside a scope. */
  metrics(): EngineMetrics {
    const { metrics, statistics } = this.#parts
    return {
      runs: statistics.totals(),
      refused: this.#refused.read(),
      owners: statistics.owners,
      instances: metrics.read(),
    }
  }

  /**
   * How many runs each owner has going and waiting, by their canonical spelling. For operators: throws `SYSTEM_ONLY`
   * inside anybody's scope.
   */
  loads(): readonly OwnerLoad[] {
    return ownerLoads(this.#parts.admission.runs)
  }

  /**
   * Removes the current owner's runs that have ended, with their events and approvals, and what was counted of them.
   * Resolves with how many there were; doing it again changes nothing. What goes on stays. So do conversations
   * (`threads.delete`) and idempotency keys, which promise until they expire that nothing is done twice;
   * `system().forget` removes everything of an owner. Asks `authorize` whether runs may be deleted: rejects with
   * `FORBIDDEN`, and with `NO_SCOPE`.
   */
  forgetRuns({ owner }: OfOwner = {}): Promise<number> {
    return this.#runs.forget(owner)
  }

  /**
   * Ends the engine: refuses new runs, cancels those that wait, lets those that execute finish for `graceMs`
   * milliseconds (default 10,000) and cancels the rest. Every run gets its terminal event, and can still be
   * read and followed to it: the store is whoever's made it to close. Closing again waits for the first.
   * Throws TypeError for a grace that is none.
   */
  close({ graceMs = 10_000 }: { readonly graceMs?: number } = {}): Promise<void> {
    checkedLimit('graceMs', graceMs, 0)
    const { accounts, admission, lostEnds, shutdown } = this.#parts
    return shutdown.begin(
      () => closeRuns(admission.runs, graceMs),
      async () => {
        await Promise.all([accounts.settle(), lostEnds.settle()])
      },
    )
  }
}

/** The engine, made by a function. `new UserExecutionEngine(options)` is the same. */
export function createExecutionEngine(options: ExecutionEngineOptions): UserExecutionEngine {
  return new UserExecutionEngine(options)
}
