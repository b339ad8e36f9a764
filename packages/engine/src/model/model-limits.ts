import type { AgentLimits } from '../agents/define-agent.ts'
import { checkedLimit } from '../internal/checked-limit.ts'
import { withoutUndefined } from '../internal/without-undefined.ts'

/** What a model may take, and how much it may answer. Each is enforced (I9). */
export interface ModelLimits {
  /** Milliseconds until a call's first piece arrives; then it fails with `MODEL_DEADLINE`. Default 60,000. */
  readonly firstPartMs: number
  /** Milliseconds between two pieces of an answer; then `MODEL_DEADLINE`. Default 30,000. */
  readonly idleMs: number
  /**
   * Characters that one answer may have, arguments of tools and thoughts included; each piece that it comes in
   * counts four more. Then `MODEL_OUTPUT_LIMIT`. Default 1,048,576.
   */
  readonly answerCharacters: number
  /**
   * Bytes, about, of what a provider adds to one answer and gets back: results of its own tools, files, facts of its own.
   * Then `MODEL_OUTPUT_LIMIT`. Default 33,554,432.
   */
  readonly providerBytes: number
  /** Tool calls that one answer may ask for; then `MODEL_OUTPUT_LIMIT`. Default 32. */
  readonly toolCalls: number
  /** Tool calls of one answer that execute at once. Default 8. */
  readonly parallelToolCalls: number
  /** Characters of a tool's result that the model is shown; the rest is cut, and said to be. Default 65,536. */
  readonly resultCharacters: number
  /**
   * How often in an execution the model may ask for a tool that is not there, or with arguments that do not fit, or
   * give an answer that does not fit `output`: it is told, and may try again. Then `MODEL_MISTAKEN`. Default 5.
   */
  readonly mistakes: number
  /** Messages of the run's thread that the model is shown, the newest, at most 1,000; 0 for none. Default 100. */
  readonly historyMessages: number
  /** Characters that they may have; what is older is left out. Default 262,144. */
  readonly historyCharacters: number
}

const defaults: ModelLimits = {
  firstPartMs: 60_000,
  idleMs: 30_000,
  answerCharacters: 1_048_576,
  providerBytes: 33_554_432,
  toolCalls: 32,
  parallelToolCalls: 8,
  resultCharacters: 65_536,
  mistakes: 5,
  historyMessages: 100,
  historyCharacters: 262_144,
}

const mayBeZero = new Set(['mistakes', 'historyMessages'])

/** A model agent's limits, apart: those of every agent, and the model's own with their defaults. Throws TypeError. */
export function splitLimits(limits: AgentLimits & Partial<ModelLimits> = {}): {
  readonly agent: AgentLimits
  readonly model: ModelLimits
} {
  const given = Object.entries(withoutUndefined(limits))
  const own = given.filter(([name]) => Object.hasOwn(defaults, name))
  for (const [name, value] of own) {
    checkedLimit(`limits.${name}`, value, mayBeZero.has(name) ? 0 : 1)
  }
  return {
    agent: Object.fromEntries(given.filter(([name]) => !Object.hasOwn(defaults, name))),
    model: Object.freeze({ ...defaults, ...Object.fromEntries(own) }),
  }
}
