import {
  canonicalOwner,
  currentScope,
  revoke,
  runOutside,
  tryCurrentScope,
  type Owner,
  type Scope,
  type UserContext,
} from '@ringfence/context'
import { Access, type AccessRequest, type AuthorizeAccess } from '../access/access.ts'
import { ownerApprovals, type OwnerApprovals } from '../approvals/owner-approvals.ts'
import { RunApprovals } from '../approvals/run-approvals.ts'
import type { AgentRegistry, AgentSummary } from '../agents/agent-registry.ts'
import { Circuits, type CircuitOptions, type DependencyHealth } from '../dependencies/circuits.ts'
import { newWorkScope } from '../errors/failure.ts'
import { EngineError, type EngineErrorCode } from '../errors/engine-error.ts'
import type { AgentEvent } from '../events/agent-event.ts'
import { LiveEvents } from '../events/live-events.ts'
import { ProgressTicker } from '../events/progress-ticker.ts'
import { redactionOf } from '../events/redaction.ts'
import type { RunJournal } from '../events/run-journal.ts'
import { RunProgress } from '../events/run-progress.ts'
import { followRun, type FollowOptions, type FollowSources } from '../events/run-follower.ts'
import { runOutcome } from '../idempotency/run-outcome.ts'
import { StartOnce } from '../idempotency/start-once.ts'
import {
  InstanceFactory,
  tooDeep,
  type AgentInstanceFactory,
} from '../instances/agent-instance-factory.ts'
import { randomKey, silentSink, type ExecutionContext } from '../instances/execution-context.ts'
import {
  InstanceMetrics,
  type FactoryMetrics,
  type InstanceTargets,
} from '../instances/instance-metrics.ts'
import type { BudgetSource } from '../ledger/budget.ts'
import type { OwnerLedger } from '../ledger/owner-ledger.ts'
import type { PriceTable } from '../ledger/price-table.ts'
import { RunAccounts } from '../ledger/run-accounts.ts'
import { checkedLimit } from '../internal/checked-limit.ts'
import { cut } from '../internal/cut.ts'
import { copyInput } from '../internal/copy-input.ts'
import { readInput } from '../internal/read-input.ts'
import { ScopeReleases } from '../internal/scope-releases.ts'
import { resolveLimits, type EngineLimits } from '../limits.ts'
import { quietly, type EngineLogger } from '../logger.ts'
import type { EngineStore } from '../store/engine-store.ts'
import { createNow } from '../store/memory-run-store.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { withQueueDeadline, withStoreDeadline } from '../store/store-deadline.ts'
import { checkedWeight } from '../scheduling/owner-weight.ts'
import { checkedThreadPolicy, type ThreadPolicy } from '../scheduling/thread-policy.ts'
import { RunSlot } from '../scheduling/run-slot.ts'
import { WaitLimit } from '../scheduling/wait-limit.ts'
import { RefusedStarts } from '../statistics/refused-starts.ts'
import {
  RunStatisticsBook,
  type RunStatistics,
  type RunTotals,
} from '../statistics/run-statistics.ts'
import { notFound } from '../store/not-found.ts'
import type { RunPage, RunPageOptions, RunRecord } from '../store/run-store.ts'
import {
  systemOperations,
  type SystemOperations,
  type SystemOperator,
} from '../system/system-operations.ts'
import { ownerThreads, type OfOwner, type OwnerThreads } from '../threads/owner-threads.ts'
import { RunThread } from '../threads/run-thread.ts'
import { closeRuns } from './close-runs.ts'
import { forgetEndedRuns } from './forget-ended-runs.ts'
import {
  checkHealth,
  healthOf,
  type CheckedHealth,
  type EngineHealth,
  type HealthProblem,
} from './engine-health.ts'
import { IdleDeadline } from './idle-deadline.ts'
import type { LiveRun } from './live-run.ts'
import { LostEnds } from './lost-ends.ts'
import { handOver } from './hand-over.ts'
import { openRun, type RunOpening } from './open-run.ts'
import { Orphans } from './orphans.ts'
import { RunAdmission } from './run-admission.ts'
import type { RunQueue, TakenRun } from './run-queue.ts'
import { superviseRun } from './supervise-run.ts'

export interface ExecutionEngineOptions {
  /** Frozen. */
  readonly agents: AgentRegistry
  /** Where runs, threads, approvals, keys, the ledger and the audit trail are kept. Default: `new MemoryStore()`. */
  readonly store?: EngineStore
  /**
   * Where runs wait for any of several processes: `start` hands them over, and `execute` is for whoever takes them.
   * Default: none, and this engine executes what it starts.
   */
  readonly queue?: RunQueue
  /**
   * Who may do what with what is kept; asked for one's own as well, and before anything is looked up. Default: one's
   * own only.
   */
  readonly authorize?: AuthorizeAccess
  readonly limits?: Partial<EngineLimits>
  /** How long instances may take to make and dispose; what takes longer is counted, and logged. */
  readonly targets?: Partial<InstanceTargets>
  /**
   * How many turns an owner has where owners take turns, beside one of weight 1: 0.01 to 100. Read from the context
   * of whoever starts a run; the newest holds for all that the owner has waiting. Default: 1 for everybody.
   */
  readonly weightOf?: (context: UserContext) => number
  /** What each owner may use. Default: as much as they like. */
  readonly budgets?: BudgetSource
  /** What models cost. Default: nothing is known, and an entry without `costMicros` costs nothing. */
  readonly prices?: PriceTable
  /** Default: silence. */
  readonly logger?: EngineLogger
  /** When calls of a dependency that keeps failing for a user are refused to them. Default: see `CircuitOptions`. */
  readonly circuits?: CircuitOptions
  /**
   * Milliseconds after which a run, or a tool call, that goes on without a word is told of as `agent_progress`, again
   * and again. `Infinity` for never. Default 5,000.
   */
  readonly progressMs?: number
  /** From 0 to 1: spreads retries. Default: `Math.random`. */
  readonly random?: () => number
  /** Epoch milliseconds. Default: `Date.now`. */
  readonly now?: () => number
  /** Makes run ids: unique, unguessable. Default: random UUIDs. */
  readonly createRunId?: () => string
}

export interface StartOptions {
  /** The conversation that the run belongs to: the owner's own id for it. */
  readonly threadId?: string | undefined
  /** What becomes of the run where its thread has one going on. Default: the agent's `threadPolicy`. */
  readonly threadPolicy?: ThreadPolicy | undefined
  /** Aborting it cancels the run with the reason `disconnect`. Without it, the run outlives its caller. */
  readonly signal?: AbortSignal | undefined
  /**
   * However often the same owner starts the same agent with the same key, there is one run, and this is it. The
   * input has to be plain data, and the same: another one is refused with `IDEMPOTENCY_CONFLICT`. 1 to 256
   * characters, kept for the limit `idempotencyKeyMs`.
   */
  readonly idempotencyKey?: string | undefined
}

/** A run that was started. */
export interface RunHandle {
  readonly runId: string
  /** Resolves with the result; rejects with the error of the terminal event. Need not be awaited. */
  readonly result: Promise<unknown>
  /** True where no run was started: this is the one that went on in the thread (`threadPolicy: 'join'`). */
  readonly joined: boolean
  /** True where no run was started: this is the one that the idempotency key has started before. */
  readonly repeated?: boolean | undefined
}

/** What one owner has going. */
export interface OwnerLoad {
  /** The canonical spelling; see `canonicalOwner`. */
  readonly owner: string
  readonly running: number
  readonly queued: number
}

/** What an engine has done since it was made. Names nobody. */
export interface EngineMetrics {
  /** Runs of all owners. */
  readonly runs: RunTotals
  /** Starts that came to nothing, by the code that they were refused with: only the codes that there were. */
  readonly refused: Readonly<Partial<Record<EngineErrorCode, number>>>
  /** Owners whose statistics are kept. */
  readonly owners: number
  readonly instances: FactoryMetrics
}

/**
 * Starts and executes runs, each for exactly one owner: that of the scope in which it is started. There is no
 * other way to name a user, and no anonymous one. One engine serves all users.
 *
 * A run has a root scope of its own: it outlives the request that started it, and requests only follow it.
 * Every method but `agents`, `health`, `checkHealth`, `metrics` and `close` throws `NO_SCOPE` outside a scope.
 */
export class UserExecutionEngine {
  readonly #agents: AgentRegistry
  readonly #store: EngineStore
  readonly #limits: EngineLimits
  readonly #logger: EngineLogger | undefined
  readonly #now: () => number
  readonly #metrics: InstanceMetrics
  readonly #weightOf: (context: UserContext) => number
  readonly #admission: RunAdmission
  readonly #waitLimit: WaitLimit
  readonly #orphans: Orphans
  readonly #statistics: RunStatisticsBook
  readonly #refused = new RefusedStarts()
  readonly #instances: InstanceFactory
  readonly #createRunId: () => string
  readonly #access: Access
  readonly #once: StartOnce
  /** The conversations of the current owner. */
  readonly threads: OwnerThreads
  /** What the current owner's runs ask a person. */
  readonly approvals: OwnerApprovals
  readonly #live = new LiveEvents()
  readonly #lostEnds: LostEnds
  readonly #sources: FollowSources
  readonly #accounts: RunAccounts
  readonly #circuits: Circuits
  readonly #ticker: ProgressTicker
  readonly #random: () => number
  readonly #queue: RunQueue | undefined
  /** Aborts when nobody is waited for any more whose run goes on elsewhere. */
  readonly #following = new AbortController()
  #closed: Promise<void> | undefined

  /** Throws `REGISTRY_NOT_FROZEN`, and TypeError for a limit that is none. */
  constructor(options: ExecutionEngineOptions) {
    const { agents, store, limits, targets, logger, now, createRunId, weightOf, authorize } =
      options
    agents.list()
    this.#agents = agents
    this.#limits = resolveLimits(limits)
    this.#logger = logger === undefined ? undefined : quietly(logger)
    this.#store = withStoreDeadline(store ?? new MemoryStore(), this.#limits.storeMs, this.#logger)
    this.#queue =
      options.queue && withQueueDeadline(options.queue, this.#limits.storeMs, this.#logger)
    this.#lostEnds = new LostEnds(this.#store.runs)
    this.#sources = { store: this.#store.runs, live: this.#live, releases: new ScopeReleases() }
    this.#now = now ?? Date.now
    this.#metrics = new InstanceMetrics({ limits: this.#limits, targets, logger: this.#logger })
    this.#instances = new InstanceFactory(agents, this.#metrics, (agent) =>
      this.#contextOfCurrentRun(agent),
    )
    this.#weightOf = weightOf ?? (() => 1)
    this.#statistics = new RunStatisticsBook(this.#limits.statisticsOwners)
    this.#admission = new RunAdmission(this.#limits)
    this.#createRunId = createRunId ?? (() => globalThis.crypto.randomUUID())
    this.#access = new Access(authorize, this.#store.audit)
    this.threads = ownerThreads(this.#store.threads, this.#access, this.#now)
    this.approvals = ownerApprovals({
      store: this.#store.approvals,
      access: this.#access,
      now: this.#now,
      insideRun: () => this.#currentRun() !== undefined,
    })
    this.#once = new StartOnce({
      store: this.#store,
      keyMs: this.#limits.idempotencyKeyMs,
      now: this.#now,
    })
    this.#waitLimit = new WaitLimit(this.#limits.queueMs)
    this.#orphans = new Orphans({ limits: this.#limits, logger: this.#logger, now: this.#now })
    this.#accounts = new RunAccounts({
      store: this.#store.ledger,
      budgets: options.budgets,
      prices: options.prices,
      logger: this.#logger,
      now: this.#now,
    })
    const { circuits = {}, progressMs = 5_000 } = options
    this.#circuits = new Circuits(circuits, this.#now, this.#logger)
    if (progressMs !== Infinity) checkedLimit('progressMs', progressMs, 1)
    this.#ticker = new ProgressTicker(progressMs)
    this.#random = options.random ?? Math.random
  }

  /** Makes instances in the current scope; inside a run their events join the run's. */
  get instances(): AgentInstanceFactory {
    return this.#instances.published
  }

  /** What the owner of the current scope has used, and what is left of their budgets. */
  get ledger(): OwnerLedger {
    return this.#accounts.ledger
  }

  /** What can run. Tells nothing of anybody. */
  agents(): readonly AgentSummary[] {
    return this.#agents.list()
  }

  /**
   * Starts a run of the current owner. Resolves when it is queued; it executes when both limits allow.
   *
   * Rejects with `UNKNOWN_AGENT`, `INVALID_INPUT` (with paths), `OWNER_QUEUE_FULL`, `QUEUE_FULL`, `THREAD_BUSY` and
   * `TOO_MANY_ORPHANS` (with `retryAfterMs`), `DELEGATION_TOO_DEEP` where runs start each other in a circle,
   * `IDEMPOTENCY_CONFLICT` and `IDEMPOTENCY_LIMIT` with a key, `ENGINE_CLOSED`, and `NO_SCOPE`. Nothing is left behind
   * by a rejected start.
   */
  async start(agent: string, input: unknown, options: StartOptions = {}): Promise<RunHandle> {
    try {
      return await this.#startOnce(agent, input, options)
    } catch (error) {
      this.#refused.count(error)
      throw error
    }
  }

  async #startOnce(agent: string, input: unknown, options: StartOptions): Promise<RunHandle> {
    const { idempotencyKey: key } = options
    const { threadId = currentScope().context.threadId } = options
    const runId = this.#createRunId()
    if (key === undefined) return this.#start(agent, input, options, runId)
    // A copy: what is compared is what is started.
    const { copy } = copyInput(input, `The input of agent "${agent}"`, this.#mostInput)
    return this.#once.start({
      agent: this.#agents.get(agent).name,
      key,
      input: copy,
      threadId,
      runId,
      open: () => this.#start(agent, copy, options, runId),
    })
  }

  async #start(
    agent: string,
    input: unknown,
    options: StartOptions,
    runId: string,
  ): Promise<RunHandle> {
    const caller = currentScope()
    const definition = this.#agents.get(agent)
    const subject = `The input of agent "${agent}"`
    const read = readInput(definition.input, input, subject, this.#mostInput)
    const { copy, characters } = read instanceof Promise ? await read : read
    if (this.#closed !== undefined) {
      throw engineClosed()
    }
    const owner = canonicalOwner(caller.owner)
    const depth = this.#instances.depth + 1
    if (depth > this.#limits.delegationDepth) throw tooDeep(agent, depth)
    this.#orphans.pool.refuseIfFull(owner)
    if (this.#queue !== undefined) {
      return handOver({
        caller,
        queue: this.#queue,
        runs: this.#store.runs,
        runId,
        agent,
        input,
        depth,
        weight: checkedWeight(this.#weightOf(caller.context)),
        threadPolicy: checkedThreadPolicy(options.threadPolicy ?? definition.threadPolicy),
        ownerQueue: this.#limits.ownerQueue,
        mostWaiting: this.#limits.queue,
        queueMs: this.#limits.queueMs,
        options,
        now: this.#now,
        closed: this.#following.signal,
      })
    }
    const admission = this.#admission.admit({
      owner,
      agent,
      runId,
      characters,
      weight: checkedWeight(this.#weightOf(caller.context)),
      threadId: options.threadId ?? caller.context.threadId,
      policy: checkedThreadPolicy(options.threadPolicy ?? definition.threadPolicy),
      startedBy: caller.context.runId,
    })
    if ('joins' in admission) return joined(admission.joins)
    const { run, replaces } = admission
    run.tally = this.#statistics.enter(owner, this.#now)
    run.onEnd(() => {
      const { lostEnd } = run
      if (lostEnd !== undefined) this.#lostEnds.remember(owner, run.runId, lostEnd)
      this.#live.end(owner, run.runId, run.endStored)
    })
    try {
      if (options.signal !== undefined) run.cancelWith(options.signal)
      const { runs } = this.#store
      const create: RunOpening['create'] = (created) =>
        createNow(runs, created) ? undefined : runs.create(created)
      run.handle = this.#open(caller, run, copy, depth, options.threadId, create)
      const handle = await run.handle
      for (const replaced of replaces) replaced.cancel('replaced')
      return handle
    } catch (error) {
      run.abandon(error)
      throw error
    }
  }

  /**
   * The run of that id. Rejects with `RUN_NOT_FOUND` where the current owner has none, whether it never
   * was, is no longer kept, or is somebody else's.
   */
  async run(runId: string, { owner }: OfOwner = {}): Promise<RunRecord> {
    return this.#access.within('read', aboutRun(runId, owner), () => this.#find(runId))
  }

  /**
   * The current owner's runs, newest first, a page at a time; `threadId` narrows them to one conversation. Rejects with `CURSOR_EVICTED` where `before` is no run of
   * theirs, or no longer: what follows it is not known.
   */
  async runs({ owner, ...page }: RunPageOptions & OfOwner = {}): Promise<RunPage> {
    return this.#access.within('list', { type: 'run', owner }, async () => {
      const { before } = page
      if (before !== undefined && (await this.#store.runs.get(before)) === undefined) {
        const message = `There is no run "${cut(before, 100)}" to go on from. Begin with the first page.`
        throw new EngineError('CURSOR_EVICTED', message)
      }
      return this.#lostEnds.page(await this.#store.runs.list(page))
    })
  }

  /**
   * Executes a run that this process has taken from a queue, in a scope of its owner. Resolves when its terminal event
   * is stored. Rejects, with nothing told of the run, where it cannot begin (`UNKNOWN_AGENT`, `INVALID_INPUT`, `ENGINE_CLOSED`,
   * `OWNER_QUEUE_FULL`, `QUEUE_FULL`, `TOO_MANY_ORPHANS`), and with `ATTEMPT_OVER` where another attempt has taken its place. For queues.
   */
  async execute(taken: TakenRun): Promise<void> {
    const caller = currentScope()
    const { agent, runId, depth } = taken
    const definition = this.#agents.get(agent)
    const subject = `The input of agent "${agent}"`
    const { copy, characters } = await readInput(
      definition.input,
      taken.input,
      subject,
      this.#mostInput,
    )
    if (this.#closed !== undefined) throw engineClosed()
    const owner = canonicalOwner(caller.owner)
    this.#orphans.pool.refuseIfFull(owner)
    const admission = this.#admission.admit({
      owner,
      agent,
      runId,
      characters,
      weight: checkedWeight(this.#weightOf(caller.context)),
      // Whose turn it is in a thread was decided when the run was queued.
      threadId: undefined,
      policy: 'parallel',
      startedBy: undefined,
    })
    if ('joins' in admission) throw new Error('Expected a run without a thread to join none')
    const { run } = admission
    let lost: Error | undefined
    taken.onControl({
      cancel: (reason) => run.cancel(reason),
      leave: (error) => {
        lost = error
        run.interrupt(error)
      },
    })
    if (taken.restarted) run.restartedAs = taken.attempt
    run.tally = this.#statistics.enter(owner, this.#now)
    run.onEnd(() => this.#live.end(owner, run.runId, run.endStored))
    try {
      run.handle = this.#open(caller, run, copy, depth, undefined, undefined)
      const { result } = await run.handle
      result.catch(() => undefined)
      await run.ended
    } catch (error) {
      run.abandon(error)
      throw error
    }
    if (run.endStored) return
    lost ??= new EngineError('ATTEMPT_OVER', `The end of the run "${runId}" was not stored here.`)
    throw lost
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
    const followed = await this.#access.within('read', aboutRun(runId, undefined), async () => {
      await this.#lostEnds.store(runId)
      return followRun(this.#sources, runId, options)
    })
    this.#admission.runs.get(canonicalOwner(currentScope().owner), runId)?.showPosition()
    return followed
  }

  /**
   * Ends a run: its signal aborts, what ignores it is fenced, and its terminal event says
   * `agent_cancelled`. Resolves when that is stored, with the run as it ended; a run that has ended
   * already stays as it is. Rejects with `RUN_NOT_FOUND` as `run` does.
   */
  async cancel(runId: string, { owner }: OfOwner = {}): Promise<RunRecord> {
    return this.#access.within('cancel', aboutRun(runId, owner), async () => {
      await this.#find(runId)
      const live = this.#admission.runs.get(canonicalOwner(currentScope().owner), runId)
      live?.cancel('caller')
      await live?.ended
      if (live === undefined && this.#queue !== undefined) {
        await this.#queue.cancel(runId, 'caller')
        await runOutcome(this.#store.runs, runId, this.#following.signal).catch(() => undefined)
      }
      return this.#find(runId)
    })
  }

  /**
   * Removes a run that has ended, with its events and approvals. Rejects with `RUN_GOES_ON`, and with
   * `RUN_NOT_FOUND` as `run` does.
   */
  async delete(runId: string, { owner }: OfOwner = {}): Promise<void> {
    return this.#access.within('delete', aboutRun(runId, owner), async () => {
      await this.#lostEnds.store(runId)
      if (!(await this.#store.runs.delete(runId))) throw notFound(runId)
      await this.#store.approvals.deleteOf(runId)
    })
  }

  /**
   * What crosses owners, for jobs and operators; each operation is on the audit trail under the operator's name.
   * Throws `SYSTEM_ONLY` inside anybody's scope, and TypeError without a name.
   */
  system(operator: SystemOperator): SystemOperations {
    return systemOperations({
      store: this.#store,
      operator,
      now: this.#now,
      endRuns: async (owner) => {
        revoke(owner)
        const key = canonicalOwner(owner)
        await Promise.all(this.#admission.runs.of(key).map((run) => run.ended))
        this.#statistics.forget(key)
        this.#lostEnds.forget(key)
        this.#accounts.forget(key)
      },
    })
  }

  /** How the dependencies of tools and models do that fail for somebody. For metrics: names nobody. */
  dependencies(): readonly DependencyHealth[] {
    return this.#circuits.health()
  }

  /** Counted from live parts, at once; nothing is assumed. What has to be asked is `checkHealth`'s. */
  health(): EngineHealth {
    const { scheduler } = this.#admission
    const { pool, quarantine } = this.#orphans
    const found: readonly (readonly [HealthProblem, boolean])[] = [
      ['closed', this.#closed !== undefined],
      ['scheduler_stuck', scheduler.stuck || this.#waitLimit.overdue],
      ['queue_full', scheduler.full],
      ['orphans_full', pool.full],
    ]
    return healthOf(
      {
        accepting: this.#closed === undefined,
        running: scheduler.running,
        queued: scheduler.waiting,
        orphans: pool.size,
        orphaned: pool.total,
        quarantinedTools: quarantine.size,
      },
      found.filter(([, is]) => is).map(([problem]) => problem),
    )
  }

  /**
   * The same after asking the store, which has `timeoutMs` milliseconds (default 1,000) to answer, and looking how late
   * the event loop is. Never rejects for what it finds; throws TypeError for a time that is none.
   */
  checkHealth({ timeoutMs = 1_000 }: { readonly timeoutMs?: number } = {}): Promise<CheckedHealth> {
    checkedLimit('timeoutMs', timeoutMs, 1)
    return checkHealth(() => this.health(), this.#store, timeoutMs)
  }

  /** How the current owner's runs went since the engine was made. Throws `NO_SCOPE`. */
  statistics(): RunStatistics {
    return this.#statistics.of(canonicalOwner(currentScope().owner))
  }

  /** How all runs went, and what is made for them. For operators: names nobody, and works outside a scope. */
  metrics(): EngineMetrics {
    return {
      runs: this.#statistics.totals(),
      refused: this.#refused.read(),
      owners: this.#statistics.owners,
      instances: this.#metrics.read(),
    }
  }

  /**
   * How many runs each owner has going and waiting, by their canonical spelling. For operators: throws `SYSTEM_ONLY`
   * inside anybody's scope.
   */
  loads(): readonly OwnerLoad[] {
    if (tryCurrentScope() !== undefined) {
      throw new EngineError(
        'SYSTEM_ONLY',
        'What all owners have going cannot be read in the scope of one. Read it in runOutside(), after checking who asks.',
      )
    }
    return this.#admission.runs.byOwner().map(([owner, runs]) => {
      const running = runs.filter(({ started }) => started).length
      return { owner, running, queued: runs.length - running }
    })
  }

  /**
   * Removes the current owner's runs that have ended, with their events and approvals, and what was counted of them.
   * Resolves with how many there were; doing it again changes nothing. What goes on stays. So do conversations
   * (`threads.delete`) and idempotency keys, which promise until they expire that nothing is done twice;
   * `system().forget` removes everything of an owner. Asks `authorize` whether runs may be deleted: rejects with
   * `FORBIDDEN`, and with `NO_SCOPE`.
   */
  async forgetRuns({ owner }: OfOwner = {}): Promise<number> {
    return this.#access.within('delete', { type: 'run', owner }, async () => {
      const forgotten = await forgetEndedRuns(this.#store, this.#lostEnds)
      this.#statistics.forget(canonicalOwner(currentScope().owner))
      return forgotten
    })
  }

  /**
   * Ends the engine: refuses new runs, cancels those that wait, lets those that execute finish for `graceMs`
   * milliseconds (default 10,000) and cancels the rest. Every run gets its terminal event, and can still be
   * read and followed to it: the store is whoever's made it to close. Closing again waits for the first.
   * Throws TypeError for a grace that is none.
   */
  close({ graceMs = 10_000 }: { readonly graceMs?: number } = {}): Promise<void> {
    checkedLimit('graceMs', graceMs, 0)
    return (this.#closed ??= runOutside(async () => {
      await closeRuns(this.#admission.runs, graceMs)
      this.#following.abort(engineClosed())
      await this.#accounts.settle()
    }))
  }

  #open(
    caller: Scope,
    run: LiveRun,
    input: unknown,
    depth: number,
    threadId: string | undefined,
    create: RunOpening['create'],
  ): Promise<RunHandle> {
    const { agent, runId, ticket } = run
    const { expectedMs, limits } = this.#agents.get(agent)
    const account = this.#accounts.open(agent, runId)
    const redact = redactionOf(caller.context)
    const orphans = this.#orphans.guard({
      owner: canonicalOwner(caller.owner),
      fields: { runId },
      onOrphan: ({ label, ended }, { agent: emitter, callId }) => {
        ticket.charge(ended)
        run.tally?.orphaned(ended)
        account.orphan(ended)
        const data = callId === undefined ? { label } : { label, callId }
        // A run that has ended meanwhile has told its story.
        run.context?.sink
          .append({ type: 'work_orphaned', agent: emitter, data })
          ?.catch(() => undefined)
      },
    })
    return openRun({
      caller,
      run,
      threadId,
      onOrphan: orphans.listenerOf({ agent }),
      store: this.#store.runs,
      create,
      live: this.#live,
      redact,
      logger: this.#logger,
      now: this.#now,
      supervise: (journal) => {
        const idle = new IdleDeadline(limits.idleMs ?? this.#limits.idleMs, run)
        const context = this.#runContext(
          run,
          idle,
          journal,
          this.#context({
            sink: idle.watch(journal),
            // What the engine says by itself is no sign that the agent lives.
            progress: new RunProgress(this.#ticker, journal, this.#now),
            orphans,
            account,
            redact,
            runKey: () => runId,
          }),
        )
        run.context = context
        return superviseRun({
          run,
          input,
          journal,
          depth,
          idle,
          instances: this.#instances,
          context,
          waitLimit: this.#waitLimit,
          runMs: limits.runMs ?? this.#limits.runMs,
          expectedMs,
        })
      },
    })
  }

  #contextOfCurrentRun(agent: string): ExecutionContext {
    const run = this.#currentRun()
    if (run?.context !== undefined) return run.context
    const { context, owner } = currentScope()
    const account = this.#accounts.open(agent)
    return this.#context({
      sink: silentSink(),
      progress: new RunProgress(this.#ticker, silentSink(), this.#now),
      orphans: this.#orphans.guard({
        owner: canonicalOwner(owner),
        fields: {},
        onOrphan: ({ ended }) => account.orphan(ended),
      }),
      account,
      redact: redactionOf(context),
      runKey: randomKey(),
    })
  }

  /** Characters that no input may exceed. */
  get #mostInput(): number {
    return Math.min(this.#limits.ownerInputCharacters, this.#limits.inputCharacters)
  }

  /** The run that the current scope is part of, while it goes on. */
  #currentRun(): LiveRun | undefined {
    const { context, owner } = currentScope()
    const { runId } = context
    return runId === undefined ? undefined : this.#admission.runs.get(canonicalOwner(owner), runId)
  }

  async #find(runId: string): Promise<RunRecord> {
    const record = await this.#lostEnds.get(runId)
    if (record === undefined) throw notFound(runId)
    return record
  }

  /** What only a run has. Called in its root scope. */
  #runContext(
    { runId, ticket }: LiveRun,
    idle: IdleDeadline,
    { enter }: RunJournal,
    context: ExecutionContext,
  ): ExecutionContext {
    const now = this.#now
    const { threadId } = currentScope().context
    const { approvals, threads } = this.#store
    const slot = new RunSlot(ticket)
    return {
      ...context,
      slot,
      approvals: new RunApprovals({
        runId,
        store: approvals,
        sink: context.sink,
        approvalMs: this.#limits.approvalMs,
        now,
        enter,
        idle: async (wait) => {
          const goOn = idle.hold()
          try {
            return await slot.idle(wait)
          } finally {
            goOn()
          }
        },
      }),
      thread:
        threadId === undefined
          ? undefined
          : new RunThread({ threadId, runId, store: threads, now }),
    }
  }

  #context(parts: ContextParts): ExecutionContext {
    return {
      agents: this.#agents,
      limits: this.#limits,
      logger: this.#logger,
      metrics: this.#metrics,
      now: this.#now,
      circuits: this.#circuits,
      random: this.#random,
      runScope: newWorkScope(),
      ...parts,
    }
  }
}

function engineClosed(): EngineError {
  return new EngineError('ENGINE_CLOSED', 'The server is shutting down and starts no more runs.')
}

function aboutRun(id: string, owner: Owner | undefined): AccessRequest {
  return { type: 'run', id, owner, missing: () => notFound(id) }
}

/** The handle of a run that went on already. */
async function joined(run: LiveRun): Promise<RunHandle> {
  const handle = await run.handle
  if (handle === undefined) throw new Error('Expected a run of a thread to have a handle')
  return Object.freeze({ ...handle, joined: true })
}

/** What belongs to one run alone. */
type ContextParts = Pick<
  ExecutionContext,
  'sink' | 'progress' | 'orphans' | 'account' | 'redact' | 'runKey'
>

/** The engine, made by a function. `new UserExecutionEngine(options)` is the same. */
export function createExecutionEngine(options: ExecutionEngineOptions): UserExecutionEngine {
  return new UserExecutionEngine(options)
}
