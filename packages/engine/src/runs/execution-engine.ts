import {
  canonicalOwner,
  currentScope,
  runOutside,
  type OrphanListener,
  type Scope,
} from '@ringfence/context'
import type { AgentRegistry, AgentSummary } from '../agents/agent-registry.ts'
import { newWorkScope } from '../errors/failure.ts'
import { EngineError } from '../errors/engine-error.ts'
import type { AgentEvent } from '../events/agent-event.ts'
import { LiveEvents } from '../events/live-events.ts'
import { followRun, type FollowOptions, type FollowSources } from '../events/run-follower.ts'
import { InstanceFactory, type AgentInstanceFactory } from '../instances/agent-instance-factory.ts'
import {
  silentSink,
  type EventSink,
  type ExecutionContext,
} from '../instances/execution-context.ts'
import { InstanceMetrics, type InstanceTargets } from '../instances/instance-metrics.ts'
import { checkedLimit } from '../internal/checked-limit.ts'
import { copyInput } from '../internal/copy-input.ts'
import { parse } from '../internal/parse.ts'
import { ScopeReleases } from '../internal/scope-releases.ts'
import { resolveLimits, type EngineLimits } from '../limits.ts'
import { quietly, type EngineLogger } from '../logger.ts'
import { InputBudget } from '../scheduling/input-budget.ts'
import { Scheduler } from '../scheduling/scheduler.ts'
import type { EngineStore } from '../store/engine-store.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { notFound } from '../store/not-found.ts'
import type { RunPage, RunPageOptions, RunRecord } from '../store/run-store.ts'
import { closeRuns } from './close-runs.ts'
import { LiveRun } from './live-run.ts'
import { LiveRuns } from './live-runs.ts'
import { openRun } from './open-run.ts'
import { superviseRun } from './supervise-run.ts'

export interface ExecutionEngineOptions {
  /** Frozen. */
  readonly agents: AgentRegistry
  /** Where runs, threads, approvals, keys, the ledger and the audit trail are kept. Default: `new MemoryStore()`. */
  readonly store?: EngineStore
  readonly limits?: Partial<EngineLimits>
  /** How long instances may take to make and dispose; what takes longer is counted, and logged. */
  readonly targets?: Partial<InstanceTargets>
  /** Default: silence. */
  readonly logger?: EngineLogger
  /** Epoch milliseconds. Default: `Date.now`. */
  readonly now?: () => number
  /** Makes run ids: unique, unguessable. Default: random UUIDs. */
  readonly createRunId?: () => string
}

export interface StartOptions {
  /** The conversation that the run belongs to: the owner's own id for it. */
  readonly threadId?: string | undefined
  /** Aborting it cancels the run with the reason `disconnect`. Without it, the run outlives its caller. */
  readonly signal?: AbortSignal | undefined
}

/** A run that was started. */
export interface RunHandle {
  readonly runId: string
  /** Resolves with the result; rejects with the error of the terminal event. Need not be awaited. */
  readonly result: Promise<unknown>
}

/** What is going on in an engine, from its live parts. */
export interface EngineHealth {
  readonly accepting: boolean
  readonly running: number
  readonly queued: number
  /** Work that was told to stop, did not, and is still running: fenced, and charged to its owner. */
  readonly orphans: number
}

/**
 * Starts and executes runs, each for exactly one owner: that of the scope in which it is started. There is no
 * other way to name a user, and no anonymous one. One engine serves all users.
 *
 * A run has a root scope of its own: it outlives the request that started it, and requests only follow it.
 * Every method but `agents`, `health` and `close` throws `NO_SCOPE` outside a scope.
 */
export class UserExecutionEngine {
  readonly #agents: AgentRegistry
  readonly #store: EngineStore
  readonly #limits: EngineLimits
  readonly #logger: EngineLogger | undefined
  readonly #now: () => number
  readonly #createRunId: () => string
  readonly #scheduler: Scheduler
  readonly #inputs: InputBudget
  readonly #metrics: InstanceMetrics
  readonly #instances: InstanceFactory
  readonly #live = new LiveEvents()
  readonly #sources: FollowSources
  readonly #runs = new LiveRuns()
  #closed: Promise<void> | undefined
  #orphans = 0

  /** Throws `REGISTRY_NOT_FROZEN`, and TypeError for a limit that is none. */
  constructor(options: ExecutionEngineOptions) {
    const { agents, store, limits, targets, logger, now, createRunId } = options
    agents.list()
    this.#agents = agents
    this.#store = store ?? new MemoryStore()
    this.#sources = { store: this.#store.runs, live: this.#live, releases: new ScopeReleases() }
    this.#limits = resolveLimits(limits)
    this.#logger = logger === undefined ? undefined : quietly(logger)
    this.#now = now ?? Date.now
    this.#createRunId = createRunId ?? (() => globalThis.crypto.randomUUID())
    this.#scheduler = new Scheduler(this.#limits)
    this.#inputs = new InputBudget(this.#limits)
    this.#metrics = new InstanceMetrics({ limits: this.#limits, targets, logger: this.#logger })
    this.#instances = new InstanceFactory(agents, this.#metrics, () => this.#contextOfCurrentRun())
  }

  /** Makes instances in the current scope; inside a run their events join the run's. */
  get instances(): AgentInstanceFactory {
    return this.#instances.published
  }

  /** What can run. Tells nothing of anybody. */
  agents(): readonly AgentSummary[] {
    return this.#agents.list()
  }

  /**
   * Starts a run of the current owner. Resolves when it is queued; it executes when both limits allow.
   *
   * Rejects with `UNKNOWN_AGENT`, `INVALID_INPUT` (with paths), `OWNER_QUEUE_FULL` and `QUEUE_FULL` (with
   * `retryAfterMs`), `ENGINE_CLOSED`, and `NO_SCOPE`. Nothing is left behind by a rejected start.
   */
  async start(agent: string, input: unknown, options: StartOptions = {}): Promise<RunHandle> {
    const caller = currentScope()
    const definition = this.#agents.get(agent)
    const subject = `The input of agent "${agent}"`
    const parsed = await parse(definition.input, input, 'INVALID_INPUT', subject)
    if (this.#closed !== undefined) {
      throw new EngineError('ENGINE_CLOSED', 'The server is shutting down and starts no more runs.')
    }
    const owner = canonicalOwner(caller.owner)
    const { copy, characters } = copyInput(parsed, subject)
    const run = this.#enter(owner, agent, characters)
    try {
      if (options.signal !== undefined) run.cancelWith(options.signal)
      return await this.#open(caller, run, copy, options.threadId)
    } catch (error) {
      run.abandon(error)
      throw error
    }
  }

  /**
   * The run of that id. Rejects with `RUN_NOT_FOUND` where the current owner has none, whether it never
   * was, is no longer kept, or is somebody else's.
   */
  async run(runId: string): Promise<RunRecord> {
    const record = await this.#store.runs.get(runId)
    if (record === undefined) throw notFound(runId)
    return record
  }

  /** The current owner's runs, newest first, a page at a time. */
  async runs(page: RunPageOptions = {}): Promise<RunPage> {
    return this.#store.runs.list(page)
  }

  /**
   * Follows a run: its events so far, then those to come, up to the terminal one. No gap, no repeat.
   * Rejects, before anything is sent, with `RUN_NOT_FOUND`, and with `CURSOR_EVICTED` where events after
   * `after` are no longer kept. The iterator belongs to the current scope and is released at its close.
   */
  async events(
    runId: string,
    options: FollowOptions = {},
  ): Promise<AsyncIterableIterator<AgentEvent>> {
    const followed = await followRun(this.#sources, runId, options)
    this.#runs.get(canonicalOwner(currentScope().owner), runId)?.showPosition()
    return followed
  }

  /**
   * Ends a run: its signal aborts, what ignores it is fenced, and its terminal event says
   * `agent_cancelled`. Resolves when that is stored, with the run as it ended; a run that has ended
   * already stays as it is. Rejects with `RUN_NOT_FOUND` as `run` does.
   */
  async cancel(runId: string): Promise<RunRecord> {
    const owner = canonicalOwner(currentScope().owner)
    await this.run(runId)
    const live = this.#runs.get(owner, runId)
    live?.cancel('caller')
    await live?.ended
    return this.run(runId)
  }

  /** Counted from live parts; nothing is assumed. */
  health(): EngineHealth {
    return {
      accepting: this.#closed === undefined,
      running: this.#scheduler.running,
      queued: this.#scheduler.waiting,
      orphans: this.#orphans,
    }
  }

  /**
   * Ends the engine: refuses new runs, cancels those that wait, lets those that execute finish for `graceMs`
   * milliseconds (default 10,000) and cancels the rest. Every run gets its terminal event, and can still be
   * read and followed to it: the store is whoever's made it to close. Closing again waits for the first.
   * Throws TypeError for a grace that is none.
   */
  close({ graceMs = 10_000 }: { readonly graceMs?: number } = {}): Promise<void> {
    checkedLimit('graceMs', graceMs, 0)
    return (this.#closed ??= runOutside(() => closeRuns(this.#runs, graceMs)))
  }

  /** Gives a run its place: among its owner's, and in the queue. Throws what `enter` throws. */
  #enter(owner: string, agent: string, characters: number): LiveRun {
    const runId = this.#createRunId()
    if (this.#runs.get(owner, runId) !== undefined) {
      throw new Error('Expected `createRunId` to make a new id, got that of a run that is going on')
    }
    const giveBack = this.#inputs.take(owner, characters)
    let run: LiveRun
    try {
      run = new LiveRun(runId, agent, (onPosition) => this.#scheduler.enter(owner, onPosition))
    } catch (error) {
      giveBack()
      throw error
    }
    this.#runs.add(owner, run)
    void run.ended.then(() => {
      giveBack()
      this.#runs.remove(owner, run)
      this.#live.end(owner, runId)
    })
    return run
  }

  #open(
    caller: Scope,
    run: LiveRun,
    input: unknown,
    threadId: string | undefined,
  ): Promise<RunHandle> {
    const onOrphan = this.#onOrphan(run)
    return openRun({
      caller,
      run,
      threadId,
      onOrphan,
      store: this.#store.runs,
      live: this.#live,
      logger: this.#logger,
      now: this.#now,
      supervise: (journal) => {
        const context = this.#context(journal, onOrphan)
        run.context = context
        return superviseRun({
          run,
          input,
          journal,
          instances: this.#instances,
          context,
          runMs: this.#agents.get(run.agent).limits.runMs ?? this.#limits.runMs,
        })
      },
    })
  }

  #contextOfCurrentRun(): ExecutionContext {
    const scope = currentScope()
    const { runId } = scope.context
    const run = runId === undefined ? undefined : this.#runs.get(canonicalOwner(scope.owner), runId)
    return run?.context ?? this.#context(silentSink(), () => undefined)
  }

  #context(sink: EventSink, onOrphan: OrphanListener): ExecutionContext {
    return {
      agents: this.#agents,
      limits: this.#limits,
      logger: this.#logger,
      metrics: this.#metrics,
      now: this.#now,
      sink,
      onOrphan,
      runScope: newWorkScope(),
    }
  }

  /** An orphan is counted, and charged to its owner until it really ends (I9). */
  #onOrphan({ ticket, runId, agent }: LiveRun): OrphanListener {
    return ({ label, scopeId, ended }) => {
      this.#orphans += 1
      ticket.charge(ended)
      void ended.then(() => {
        this.#orphans -= 1
      })
      this.#logger?.warn({ runId, agent, scopeId, label }, 'work ignored its end and was fenced')
    }
  }
}

/** The engine, made by a function. `new UserExecutionEngine(options)` is the same. */
export function createExecutionEngine(options: ExecutionEngineOptions): UserExecutionEngine {
  return new UserExecutionEngine(options)
}
