import { tryCurrentScope } from '@ringfence/context'
import { AgentError } from '../errors/agent-error.ts'
import { checkedNames } from '../internal/checked-option.ts'
import { checkedScript, checkedStep, type Script, type ScriptedAnswer } from './script.ts'
import {
  answersIn,
  stepOf,
  type ScriptedCall,
  type ScriptedCallOptions,
  type ScriptedPrompt,
} from './scripted-call.ts'
import { resultOf, type ScriptedPiece, type ScriptedResult } from './scripted-pieces.ts'
import { aborted, lossOf, streamOf } from './scripted-stream.ts'

export interface ScriptedModelOptions<Version extends 'v3' | 'v4' = 'v3' | 'v4'> {
  /** Of the provider specification: `v3` is that of `ai` 6, `v4` that of `ai` 7. Default `v3`. */
  readonly version?: Version
  /** Default `scripted`. */
  readonly provider?: string
  /** Default `script`. */
  readonly modelId?: string
  /** Awaited before each piece: a model that takes its time. Default: no time. */
  readonly pace?: () => PromiseLike<unknown>
}

/** A language model of the AI SDK's provider specification that says what a script says. */
export interface ScriptedModel<Version extends 'v3' | 'v4' = 'v3' | 'v4'> {
  readonly specificationVersion: Version
  readonly provider: string
  readonly modelId: string
  readonly supportedUrls: Record<string, RegExp[]>
  /** Awaited before each piece, as the option says. */
  pace: (() => PromiseLike<unknown>) | undefined
  /** What it was asked so far, by everybody, in order. */
  readonly calls: readonly ScriptedCall[]
  readonly doGenerate: (options: ScriptedCallOptions) => Promise<ScriptedResult>
  readonly doStream: (
    options: ScriptedCallOptions,
  ) => Promise<{ stream: ReadableStream<ScriptedPiece> }>
}

const optionNames: Record<keyof ScriptedModelOptions, true> = {
  version: true,
  provider: true,
  modelId: true,
  pace: true,
}

/**
 * A language model that answers what the script says, a step each, for tests of agents: of `modelAgent`, and of the AI
 * SDK's own. Which step it is it reads from the prompt, as the number of answers since the user's last words, and remembers
 * nothing: each execution begins the script anew, and one model serves many users at once.
 *
 * A call beyond the script fails with an AgentError `SCRIPT_ENDED` that names the step. Throws TypeError for a script
 * that is none; what a function answers wrongly fails with `SCRIPT_INVALID`.
 *
 * @example
 * const model = scriptedModel([
 *   { calls: [{ tool: 'read-folder', input: { folder: 'inbox' } }] },
 *   { error: overloaded, whenRetried: 'There are three files.' },
 * ])
 */
export function scriptedModel<Version extends 'v3' | 'v4' = 'v3'>(
  script: Script,
  options: ScriptedModelOptions<Version> = {},
): ScriptedModel<Version> {
  checkedNames('scriptedModel()', options, optionNames)
  const steps = checkedScript(script)
  const { provider = 'scripted', modelId = 'script', pace } = options
  // The default of the type parameter is the default of the option.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const version = (options.version ?? 'v3') as Version
  if (!['v3', 'v4'].includes(version)) {
    throw new TypeError(`Expected \`version\` to be 'v3' or 'v4', got ${version}`)
  }
  const calls: ScriptedCall[] = []
  const attempts = new WeakMap<object, number>()

  async function begin(asked: ScriptedCallOptions): Promise<[ScriptedAnswer, ScriptedResult]> {
    const { prompt, abortSignal } = asked
    abortSignal?.throwIfAborted()
    const attempt = (attempts.get(prompt) ?? 0) + 1
    attempts.set(prompt, attempt)
    const step = stepOf(prompt)
    calls.push({
      step,
      attempt,
      owner: tryCurrentScope()?.owner,
      prompt: [...prompt],
      options: asked,
    })
    let answer = await answerOf(steps, prompt, step)
    for (let retried = 1; retried < attempt && answer.whenRetried !== undefined; retried += 1) {
      answer = checkedStep(answer.whenRetried, step)
    }
    await model.pace?.()
    if ('error' in answer && answer.breaksAfter === undefined) throw answer.error
    const result = resultOf(answer, answersIn(prompt))
    if (answer.stalls === true && result.content.length === 0) await aborted(abortSignal)
    return [answer, result]
  }

  const model: ScriptedModel<Version> = {
    specificationVersion: version,
    provider,
    modelId,
    pace,
    supportedUrls: {},
    calls,
    async doGenerate(asked) {
      const [answer, result] = await begin(asked)
      if (answer.breaksAfter !== undefined) throw lossOf(answer)
      if (answer.stalls === true) await aborted(asked.abortSignal)
      return result
    },
    async doStream(asked) {
      const [answer, result] = await begin(asked)
      return { stream: streamOf(answer, result, asked.abortSignal, () => model.pace?.()) }
    },
  }
  return model
}

async function answerOf(
  script: Script,
  prompt: ScriptedPrompt,
  step: number,
): Promise<ScriptedAnswer> {
  const scripted = typeof script === 'function' ? script : script[step]
  if (scripted === undefined) {
    throw new AgentError(
      'SCRIPT_ENDED',
      `The script holds ${script.length} steps, and the model is asked for step ${step + 1}.`,
    )
  }
  const answer = typeof scripted === 'function' ? await scripted(prompt, step) : scripted
  try {
    return checkedStep(answer, step)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new AgentError('SCRIPT_INVALID', message, { cause: error })
  }
}
