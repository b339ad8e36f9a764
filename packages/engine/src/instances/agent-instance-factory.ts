import {
  assertOwner,
  canonicalOwner,
  createVariable,
  currentScope,
  own,
  type Variable,
} from '@ringfence/context'
import type { AgentRegistry } from '../agents/agent-registry.ts'
import type { AgentDefinition } from '../agents/define-agent.ts'
import { Circuits } from '../dependencies/circuits.ts'
import { EngineError } from '../errors/engine-error.ts'
import { newWorkScope, type WorkScope } from '../errors/failure.ts'
import { ProgressTicker } from '../events/progress-ticker.ts'
import { redactionOf } from '../events/redaction.ts'
import { RunProgress } from '../events/run-progress.ts'
import { Pace } from '../internal/pace.ts'
import { parse } from '../internal/parse.ts'
import { silentRunAccount } from '../ledger/silent-account.ts'
import { resolveLimits, type EngineLimits } from '../limits.ts'
import { quietly, type EngineLogger } from '../logger.ts'
import { Orphans } from '../runs/orphans.ts'
import { executeAgent, type Stoppable } from './execute-agent.ts'
import { randomKey, silentSink, type ExecutionContext } from './execution-context.ts'
import { InstanceMetrics, type FactoryMetrics, type InstanceTargets } from './instance-metrics.ts'

/** An agent of the current user, ready to execute. Belongs to the scope it was made in, and ends with it. */
export interface AgentInstance {
  readonly name: string
  /**
   * Executes the agent once, in a child scope with the agent's deadline. Rejects with `INVALID_INPUT`,
   * `INVALID_OUTPUT`, `DELEGATION_TOO_DEEP`, or with what the agent threw. Throws `SCOPE_CLOSED` after the scope it was made in,
   * and `CROSS_OWNER` elsewhere.
   */
  execute(input: unknown): Promise<unknown>
}

/**
 * Makes agent instances for whoever the current scope belongs to. It takes no user and keeps none: one
 * factory serves all users, because everything it reads comes from the current scope.
 */
export interface AgentInstanceFactory {
  /**
   * An instance of the agent of that name. Throws `NO_SCOPE`, `UNKNOWN_AGENT`, `REGISTRY_NOT_FROZEN`, and outside of runs
   * `ENGINE_CLOSED`.
   */
  create(name: string): AgentInstance
  /** Works outside a scope, too. */
  metrics(): FactoryMetrics
}

export interface AgentInstanceFactoryOptions {
  readonly agents: AgentRegistry
  readonly limits?: Partial<EngineLimits>
  /** What takes longer is counted in the metrics and told to the logger. */
  readonly targets?: Partial<InstanceTargets>
  /** Default: silence. */
  readonly logger?: EngineLogger
  /** Measures durations: milliseconds that only ever grow. Default: `performance.now`. */
  readonly clock?: () => number
}

/**
 * A factory without an engine: its instances execute in the scope they are made in. Their events belong to
 * no run and go nowhere; an engine's own factory is `engine.instances`.
 *
 * @example
 * const instances = createAgentInstanceFactory({ agents })
 * await users.run({ userId: 'alice' }, () => instances.create('echo').execute({ text: 'hi' }))
 */
export function createAgentInstanceFactory(
  options: AgentInstanceFactoryOptions,
): AgentInstanceFactory {
  const { agents, targets, clock } = options
  const limits = resolveLimits(options.limits)
  const logger = options.logger === undefined ? undefined : quietly(options.logger)
  const metrics = new InstanceMetrics({ limits, targets, logger, clock })
  const orphans = new Orphans({ limits, logger, now: Date.now })
  const circuits = new Circuits({}, Date.now, logger)
  const ticker = new ProgressTicker(Infinity)
  const factory = new InstanceFactory(agents, metrics, () => ({
    agents,
    limits,
    sink: silentSink(),
    account: silentRunAccount(),
    circuits,
    progress: new RunProgress(ticker, silentSink(), Date.now),
    redact: redactionOf(currentScope().context),
    runKey: randomKey(),
    random: Math.random,
    logger,
    metrics,
    orphans: orphans.guard({ owner: canonicalOwner(currentScope().owner), fields: {} }),
    runScope: newWorkScope(),
    pace: new Pace(),
    now: Date.now,
  }))
  return factory.published
}

export interface ExecutionHooks {
  /** Whose abort aborts the execution. */
  readonly stop?: Stoppable
  /** Told of the scope that the agent runs in. */
  readonly work?: WorkScope
  /** How many delegations lead here. Default: one more than to the code that asks. */
  readonly depth?: number
}

/** Where every path of the engine ends. `contextOf` says what the run of the current scope shares. */
export class InstanceFactory {
  readonly #agents: AgentRegistry
  readonly #contextOf: (agent: string) => ExecutionContext
  /** How many executions lead to the code that asks; -1 outside of all. Agents may make instances, too. */
  readonly #depth: Variable<number> = createVariable({ name: 'depth', defaultValue: -1 })
  readonly #metrics: InstanceMetrics

  constructor(
    agents: AgentRegistry,
    metrics: InstanceMetrics,
    contextOf: (agent: string) => ExecutionContext,
  ) {
    this.#agents = agents
    this.#metrics = metrics
    this.#contextOf = contextOf
  }

  /** What users of the factory get. */
  get published(): AgentInstanceFactory {
    return Object.freeze<AgentInstanceFactory>({
      create: (name) => this.make(name),
      metrics: () => this.#metrics.read(),
    })
  }

  /** How many executions lead to the code that asks; -1 outside of all. */
  get depth(): number {
    return this.#depth.get()
  }

  make(name: string): AgentInstance {
    const metrics = this.#metrics
    const since = metrics.clock()
    try {
      return this.#make(name, since)
    } catch (error) {
      metrics.failedToMake()
      throw error
    }
  }

  /**
   * Makes an instance for one execution and no other, as a run does: nobody else gets hold of it, so that it need not
   * be owned. It is disposed when it has executed.
   */
  async executeOnce(name: string, input: unknown, hooks: ExecutionHooks): Promise<unknown> {
    const metrics = this.#metrics
    const since = metrics.clock()
    const definition = this.#agents.get(name)
    const context = this.#contextOf(name)
    const madeAt = metrics.made(since)
    try {
      return await this.#execute(definition, input, context, hooks)
    } finally {
      metrics.disposed(madeAt)
    }
  }

  #execute(
    definition: AgentDefinition,
    input: unknown,
    context: ExecutionContext,
    hooks: ExecutionHooks,
  ): Promise<unknown> {
    const depth = hooks.depth ?? this.#depth.get() + 1
    if (depth > context.limits.delegationDepth) throw tooDeep(definition.name, depth)
    context.orphans.admit()
    return this.#depth.run(depth, () =>
      executeAgent(definition, input, context, {
        deadlineMs: definition.limits.runMs ?? context.limits.runMs,
        graceMs: context.limits.abortGraceMs,
        work: newWorkScope(),
        ...hooks,
        depth,
      }),
    )
  }

  #make(name: string, since: number): AgentInstance {
    const scope = currentScope()
    const definition = this.#agents.get(name)
    const context = this.#contextOf(name)
    const instance: AgentInstance = own(
      Object.freeze<AgentInstance>({
        name,
        execute: async (input) => {
          assertOwner(instance)
          const subject = `The input of agent "${name}"`
          const parsed = parse(definition.input, input, 'INVALID_INPUT', subject)
          const checked = parsed instanceof Promise ? await parsed : parsed
          return this.#execute(definition, checked, context, {})
        },
      }),
      { scope: true },
    )
    // Refused where the scope is closing: then there is no instance.
    let madeAt = since
    scope.defer(() => this.#metrics.disposed(madeAt))
    madeAt = this.#metrics.made(since)
    return instance
  }
}

/** What agents get who execute, or start runs of, each other in a circle. */
export function tooDeep(name: string, depth: number): EngineError {
  return new EngineError(
    'DELEGATION_TOO_DEEP',
    `Cannot execute the agent "${name}" here: ${depth} executions lead to it, and that is the limit. ` +
      'Look for agents that execute each other in a circle.',
  )
}
