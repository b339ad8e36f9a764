import { checkedLimit } from '../internal/checked-limit.ts'
import { checkedName } from '../internal/checked-name.ts'
import { checkedObject } from '../internal/checked-option.ts'
import { checkedThreadPolicy, type ThreadPolicy } from '../scheduling/thread-policy.ts'
import {
  assertDefinition,
  checkedAgentLimits,
  type AgentDefinition,
  type AgentLimits,
} from './define-agent.ts'

type InputOf<Agent> = Agent extends AgentDefinition<infer Input> ? Input : never
type OutputOf<Agent> = Agent extends AgentDefinition<infer _Input, infer Output> ? Output : never

/** The same stages where each takes what the one before returns; a readable mistake where one does not. */
export type Chained<Stages extends readonly unknown[], Previous> = Stages extends readonly [
  infer First,
  ...infer Rest,
]
  ? [Previous] extends [InputOf<First>]
    ? readonly [First, ...Chained<Rest, OutputOf<First>>]
    : readonly [{ readonly mistake: 'this stage does not take what the stage before it returns' }]
  : readonly []

type Last<Stages extends readonly unknown[]> = Stages extends readonly [...unknown[], infer Final]
  ? Final
  : never

export interface PipelineOptions<Stages> {
  /** 1 to 64 letters, digits, `_`, `-` or `.`. */
  readonly name: string
  readonly description?: string
  readonly limits?: AgentLimits
  /** What becomes of a run whose thread has one going on, unless `start` says otherwise. Default: `queue`. */
  readonly threadPolicy?: ThreadPolicy
  /** Milliseconds that a run usually takes: what its progress is estimated by while it goes on. */
  readonly expectedMs?: number
  /** At least one. Each is fed what the one before it returned; the last one's output is the pipeline's. */
  readonly stages: Stages
}

/**
 * An agent that delegates to its stages one after the other. The first failure ends it: a stage that failed
 * is never reported as success. Throws TypeError for a bad name or no stages.
 *
 * @example
 * const supervisor = pipeline({ name: 'supervisor', stages: [triage, data, reporting] })
 */
export function pipeline<const Stages extends readonly [AgentDefinition, ...AgentDefinition[]]>(
  options: PipelineOptions<Stages & Chained<Stages, InputOf<Stages[0]>>>,
): AgentDefinition<InputOf<Stages[0]>, OutputOf<Last<Stages>>> {
  checkedObject('the options of a pipeline', options)
  const { name, description, limits = {}, threadPolicy = 'queue', expectedMs } = options
  checkedName('agent', name)
  const stages: readonly AgentDefinition[] = checkedStages(name, options.stages)
  if (expectedMs !== undefined) checkedLimit('expectedMs', expectedMs, 1)
  const [first] = stages
  const last = stages.at(-1)
  if (first === undefined || last === undefined) {
    throw new TypeError(`Expected the pipeline "${name}" to have at least one stage`)
  }
  return Object.freeze({
    name,
    description,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types above name these two stages
    input: first.input as AgentDefinition<InputOf<Stages[0]>>['input'],
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    output: last.output as AgentDefinition<unknown, OutputOf<Last<Stages>>>['output'],
    limits: checkedAgentLimits(limits),
    threadPolicy: checkedThreadPolicy(threadPolicy),
    expectedMs,
    stages: Object.freeze([...stages]),
    // A stage says itself what it requires.
    requires: Object.freeze([]),
    dispose: undefined,
    run: () => {
      throw new TypeError(`The pipeline "${name}" runs through its stages`)
    },
  })
}

function checkedStages(
  name: string,
  stages: readonly AgentDefinition[],
): readonly AgentDefinition[] {
  if (!Array.isArray(stages)) {
    throw new TypeError(`Expected the stages of the pipeline "${name}" to be a list of agents`)
  }
  stages.forEach(assertDefinition)
  return stages
}
