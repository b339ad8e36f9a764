import * as z from 'zod'
import type { ScriptedPrompt } from './scripted-call.ts'

/** A tool that the model asks for. */
export interface ScriptedToolCall {
  readonly tool: string
  /** The arguments. A string stands as it is, also where it is no JSON. Default: none. */
  readonly input?: unknown
}

/** Tokens that an answer used. */
export interface ScriptedUsage {
  /** Default 10. */
  readonly inputTokens?: number
  /** Default 5. */
  readonly outputTokens?: number
  /** The part of the input that came from the provider's cache. */
  readonly cachedTokens?: number
  /** The part of the output that was reasoning. */
  readonly reasoningTokens?: number
}

/** Why an answer ends, in the words of the provider specification. */
export type ScriptedFinish = 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'other'

/** One answer of the model: thoughts first, then text, then the tools that it asks for. */
export interface ScriptedAnswer {
  readonly reasoning?: string
  readonly text?: string
  /** Asked for in one answer, so that they run at once. */
  readonly calls?: readonly ScriptedToolCall[]
  readonly usage?: ScriptedUsage
  /** Default: `tool-calls` with calls, `stop` without. */
  readonly finishReason?: ScriptedFinish
  /** Is thrown, as it is, instead of an answer; with `breaksAfter`, in the middle of it. */
  readonly error?: unknown
  /** Nothing follows what is said, if anything is, until the call is aborted. */
  readonly stalls?: true
  /** The connection is lost after so many pieces: words, and tools that are asked for. */
  readonly breaksAfter?: number
  /** The answer where the very same call is made again. Default: this one again. */
  readonly whenRetried?: ScriptedStep
}

/** An answer; a string is its text. */
export type ScriptedStep = string | ScriptedAnswer

/** Answers once it has seen what it is asked. `step` counts from 0. */
export type ScriptedReply = (
  prompt: ScriptedPrompt,
  step: number,
) => ScriptedStep | PromiseLike<ScriptedStep>

/** What a model says, an answer for each step; a function gives all of them. */
export type Script = readonly (ScriptedStep | ScriptedReply)[] | ScriptedReply

const tokens = z.number().int().min(0)

const answer: z.ZodType = z
  .strictObject({
    reasoning: z.string(),
    text: z.string(),
    calls: z.array(z.strictObject({ tool: z.string().min(1), input: z.unknown().optional() })),
    usage: z
      .strictObject({
        inputTokens: tokens,
        outputTokens: tokens,
        cachedTokens: tokens,
        reasoningTokens: tokens,
      })
      .partial(),
    finishReason: z.enum(['stop', 'length', 'content-filter', 'tool-calls', 'error', 'other']),
    error: z.unknown(),
    stalls: z.literal(true),
    breaksAfter: tokens,
    get whenRetried(): z.ZodType {
      return step
    },
  })
  .partial()
  .refine((given) => Object.keys(given).length > 0, 'an answer says, asks or does something')

const step: z.ZodType = z.preprocess(
  (given) => (typeof given === 'string' ? { text: given } : given),
  answer,
)

/** The script, checked. Throws TypeError that says which step is none. */
export function checkedScript(script: Script): Script {
  const given: unknown = script
  if (typeof script === 'function') return script
  if (!Array.isArray(given) || given.length === 0) {
    throw new TypeError('Expected `script` to be a function or an array of at least one answer')
  }
  return script.map((each, index) => (typeof each === 'function' ? each : checkedStep(each, index)))
}

/** The answer, checked and spelt out. Throws TypeError. */
export function checkedStep(given: ScriptedStep, index: number): ScriptedAnswer {
  const result = step.safeParse(given)
  if (result.success) return typeof given === 'string' ? { text: given } : given
  throw new TypeError(
    `Step ${index + 1} of the script is no answer of a model: ${z.prettifyError(result.error)}`,
  )
}
