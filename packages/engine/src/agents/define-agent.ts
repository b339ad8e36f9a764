import { bind } from '@ringfence/context'
import type * as z from 'zod'
import type { AgentExecution } from '../instances/agent-execution.ts'
import { isPulled } from '../instances/pull-agent.ts'
import { checkedLimit } from '../internal/checked-limit.ts'
import { checkedName } from '../internal/checked-name.ts'
import {
  checkedFunction,
  checkedMethods,
  checkedObject,
  checkedSchema,
} from '../internal/checked-option.ts'
import { checkedRequirement, type Requirement } from './requirement.ts'
import { checkedThreadPolicy, type ThreadPolicy } from '../scheduling/thread-policy.ts'

/** Limits that an agent sets for itself. */
export interface AgentLimits {
  /** Milliseconds that a run of this agent may execute. Default: the engine's `runMs`. */
  readonly runMs?: number
  /** Milliseconds that this agent may take when another one delegates to it. Default: the engine's `stepMs`. */
  readonly stepMs?: number
  /** Milliseconds that a run of this agent may tell nothing. Default: the engine's `idleMs`. */
  readonly idleMs?: number
}

/** What `dispose` gets. */
export interface AgentCleanup {
  /** The agent's own name. */
  readonly name: string
  /** Aborts when the scope's cleanup budget is spent. */
  readonly signal: AbortSignal
}

/** An agent: a definition, never an instance. It belongs to nobody and holds nothing of anybody. */
export interface AgentDefinition<Input = unknown, Output = unknown> {
  readonly name: string
  readonly description: string | undefined
  readonly input: z.ZodType<unknown, Input>
  readonly output: z.ZodType<Output>
  readonly limits: AgentLimits
  /** For runs that are started without one of their own. */
  readonly threadPolicy: ThreadPolicy
  /** Milliseconds that a run usually takes, where that is known. */
  readonly expectedMs?: number | undefined
  /** The agents that a pipeline runs one after the other. Empty for an agent that runs by itself. */
  readonly stages: readonly AgentDefinition[]
  /** What the registry must have before it can be frozen. */
  readonly requires: readonly Requirement[]
  /** Agents that it may delegate to. By name they have to be registered as well, and may lead back to it. */
  readonly delegates?: readonly (AgentDefinition | string)[] | undefined
  readonly dispose: ((cleanup: AgentCleanup) => unknown) | undefined
  /** Takes what the input schema let through. */
  readonly run: (input: unknown, agent: AgentExecution) => unknown
}

export interface AgentOptions<InputSchema extends z.ZodType, OutputSchema extends z.ZodType> {
  /** 1 to 64 letters, digits, `_`, `-` or `.`. */
  readonly name: string
  readonly description?: string
  readonly input: InputSchema
  readonly output: OutputSchema
  readonly limits?: AgentLimits
  /** Milliseconds that a run usually takes: what its progress is estimated by while it goes on. */
  readonly expectedMs?: number
  /**
   * What it cannot do without: `agent:data`, `tool:search`, `model:writer`. `freeze()` fails where one is
   * missing, so that no run does. Default: nothing.
   */
  readonly requires?: readonly Requirement[]
  /**
   * Agents that it may delegate to. `freeze()` fails where one that is named is not registered, and where one that is given
   * itself cannot have what it requires. Other than what is required, they may lead back here: how deep,
   * `delegationDepth` says. Default: none.
   */
  readonly delegates?: readonly (AgentDefinition | string)[]
  /**
   * Runs once for each execution when that is over, however it ended: in the execution's own scope, so the
   * user can be read, and after what the agent itself has deferred. What it throws is logged and counted, and changes
   * nothing about how the execution ended.
   */
  readonly dispose?: (cleanup: AgentCleanup) => unknown
  /** What becomes of a run whose thread has one going on, unless `start` says otherwise. Default: `queue`. */
  readonly threadPolicy?: ThreadPolicy
  /**
   * Does the work, and returns the result. As an async generator it tells each text that it yields, as `agent.text` does;
   * whoever pulls it, it runs in the scope of its execution (I7).
   */
  run(
    input: z.output<InputSchema>,
    agent: AgentExecution,
  ):
    | z.input<OutputSchema>
    | PromiseLike<z.input<OutputSchema>>
    | AsyncGenerator<string, z.input<OutputSchema>, undefined>
}

/**
 * Defines an agent. Each execution runs in a scope of its owner; input and output pass through their
 * schemas, and an output that does not fit fails the run. Throws TypeError for a bad name, limit, policy or
 * requirement.
 *
 * @example
 * const echo = defineAgent({
 *   name: 'echo',
 *   input: z.object({ text: z.string() }),
 *   output: z.object({ text: z.string() }),
 *   run: async ({ text }, agent) => {
 *     await agent.think('Nothing to think about.')
 *     return { text }
 *   },
 * })
 */
export function defineAgent<InputSchema extends z.ZodType, OutputSchema extends z.ZodType>(
  options: AgentOptions<InputSchema, OutputSchema>,
): AgentDefinition<z.input<InputSchema>, z.output<OutputSchema>> {
  checkedObject('the options of an agent', options)
  const { name, description, requires = [], dispose } = options
  const { limits = {}, threadPolicy = 'queue', expectedMs, delegates = [] } = options
  checkedName('agent', name)
  const input = checkedSchema('input', options.input)
  const output = checkedSchema('output', options.output)
  if (dispose !== undefined) checkedFunction('dispose', dispose)
  if (expectedMs !== undefined) checkedLimit('expectedMs', expectedMs, 1)
  // What is defined is what runs, whatever becomes of the options.
  checkedMethods('options', options, ['run'])
  const run = options.run.bind(options)
  return Object.freeze({
    name,
    description,
    // A schema is read from here on, never fed with a type of its own: the narrower type is safe.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    input: input as z.ZodType<unknown, z.input<InputSchema>>,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    output: output as z.ZodType<z.output<OutputSchema>>,
    limits: checkedAgentLimits(limits),
    threadPolicy: checkedThreadPolicy(threadPolicy),
    expectedMs,
    stages: Object.freeze([]),
    requires: Object.freeze([...new Set(requires.map(checkedRequirement))]),
    delegates: Object.freeze(delegates.map(checkedDelegate)),
    dispose,
    // The engine passes what came out of the input schema, and nothing else.
    run: (parsed: unknown, agent: AgentExecution) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      const returned: unknown = run(parsed as z.output<InputSchema>, agent)
      return isPulled(returned) ? bind.iterator(returned) : returned
    },
  })
}

/** An agent, or the name of one. Throws TypeError. */
export function checkedDelegate(agent: AgentDefinition | string): AgentDefinition | string {
  if (typeof agent === 'string') return checkedName('agent', agent)
  assertDefinition(agent)
  return agent
}

/** A frozen copy of an agent's own limits. Throws TypeError. */
export function checkedAgentLimits(limits: AgentLimits): AgentLimits {
  for (const [name, value] of Object.entries(checkedObject('`limits`', limits))) {
    if (!limitNames.has(name)) {
      throw new TypeError(`There is no limit \`${name}\` of an agent: runMs, stepMs or idleMs`)
    }
    if (value !== undefined) checkedLimit(`limits.${name}`, value, 1)
  }
  return Object.freeze({ ...limits })
}

const limitNames = new Set(['runMs', 'stepMs', 'idleMs'])

/** Throws TypeError for what neither `defineAgent` nor `pipeline` has made. */
export function assertDefinition(value: unknown): asserts value is AgentDefinition {
  if (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'run' in value &&
    typeof value.run === 'function' &&
    'stages' in value &&
    'requires' in value &&
    'input' in value &&
    'output' in value &&
    Object.isFrozen(value)
  ) {
    return
  }
  throw new TypeError(
    `Expected an agent made by defineAgent() or pipeline(), got ${value === null ? 'null' : typeof value}`,
  )
}
