import { currentScope, type Scope } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import { newWorkScope } from '../errors/failure.ts'
import type { AgentExecution } from '../instances/agent-execution.ts'
import { RunningExecution } from '../instances/running-execution.ts'
import { abortedOr, throwIfAborted } from '../internal/aborted-or.ts'
import { nextTurn } from '../internal/next-turn.ts'
import { Answer } from './answer.ts'
import type { AnswerEvents } from './answer-events.ts'
import type {
  AnswerPart,
  GenerateResult,
  LanguageModel,
  ModelCallOptions,
} from './language-model.ts'
import { BrokenAnswer } from './model-failure.ts'
import type { ModelLimits } from './model-limits.ts'
import { Patience } from './patience.ts'
import type { FilePart } from './prompt.ts'

/** What calling a model takes, besides what it is asked. */
export interface ModelCaller {
  readonly model: LanguageModel
  readonly execution: AgentExecution
  readonly events: AnswerEvents
  readonly limits: ModelLimits
  readonly streams: boolean
}

type CallOptions = ModelCallOptions<FilePart>

/** Pieces that a provider has ready at once must not keep everybody else waiting. */
const piecesInOneGo = 256

/**
 * Calls the model once, in a child of the current scope. The call is raced: a provider that ignores its signal, or
 * goes silent, cannot hold the agent. It is fenced, reported as an orphan, and charged until it ends. What
 * `answer` holds by then stays readable.
 */
export function callModel(
  { model, execution, events, limits, streams }: ModelCaller,
  options: CallOptions,
  answer: Answer,
): Promise<void> {
  const { limits: engineLimits, orphans } = RunningExecution.contextOf(execution)
  orphans.admit()
  const onOrphan = orphans.listenerOf({ agent: execution.name })
  const work = newWorkScope()
  return currentScope().child(
    {},
    { label: 'model call', closeBudgetMs: engineLimits.abortGraceMs / 4, onOrphan },
    async (scope) => {
      const { signal } = scope
      const patience = new Patience(limits, (error) => scope.abort(error))
      try {
        const asked = { ...options, abortSignal: signal }
        if (streams) await readStream((await streamedBy(model, asked)).stream, scope, signal, add)
        else answer.text = (await generate(model, asked, add)) ?? answer.text
        if (answer.finishReason === undefined) throw new BrokenAnswer()
        const told = events.drain()
        if (told !== undefined) await told
        const overdue = throwIfAborted(scope)
        if (overdue !== undefined) await overdue
      } catch (error) {
        throw abortedOr(scope, error, work)
      } finally {
        patience.end()
      }

      function add(part: AnswerPart): Promise<void> | undefined {
        // Which comes before the provider has heard anything of the model.
        if (part.type !== 'stream-start') patience.heard()
        answer.add(part)
        refuseTooMuch(answer, limits)
        return events.room()
      }
    },
  )
}

function refuseTooMuch(answer: Answer, limits: ModelLimits): void {
  const { answerCharacters, providerBytes, toolCalls } = limits
  if (answer.characters > answerCharacters) {
    throw new EngineError(
      'MODEL_OUTPUT_LIMIT',
      `The model's answer has more than ${answerCharacters} characters, and that is the limit.`,
    )
  }
  if (answer.providerBytes > providerBytes) {
    throw new EngineError(
      'MODEL_OUTPUT_LIMIT',
      `What the provider adds to the answer takes more than ${providerBytes} bytes, and that is the limit.`,
    )
  }
  if (answer.requests.length > toolCalls) {
    throw new EngineError(
      'MODEL_OUTPUT_LIMIT',
      `The model asks for more than ${toolCalls} tool calls at once, and that is the limit.`,
    )
  }
}

async function readStream(
  stream: ReadableStream<AnswerPart>,
  scope: Scope,
  signal: AbortSignal,
  add: (part: AnswerPart) => Promise<void> | undefined,
): Promise<void> {
  const reader = stream.getReader()
  // Ends a read that is waiting, also where the provider does not listen.
  const stop = (): void => void reader.cancel(signal.reason).catch(() => undefined)
  scope.onAbort(stop)
  let pieces = 0
  try {
    stopIfAborted(scope)
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      stopIfAborted(scope)
      const room = add(next.value)
      if (room !== undefined) await room
      pieces += 1
      if (pieces % piecesInOneGo === 0) await nextTurn()
    }
  } catch (error) {
    stop()
    throw error
  }
}

/** As a signal's own `throwIfAborted`, which costs more than what comes between two pieces. */
function stopIfAborted(scope: Scope): void {
  if (scope.aborted) throw scope.reason
}

async function generate(
  model: LanguageModel,
  options: CallOptions,
  add: (part: AnswerPart) => unknown,
): Promise<string | undefined> {
  const { content, finishReason, usage, structuredOutputText } = await generatedBy(model, options)
  for (const part of content) add(part)
  // As a stream ends.
  const finish = { type: 'finish', finishReason, usage }
  add(finish)
  return structuredOutputText
}

// The parts of a prompt that differ between the versions were made for this model's version, or by itself.
/* oxlint-disable typescript/no-unsafe-type-assertion */
function streamedBy(
  model: LanguageModel,
  options: CallOptions,
): PromiseLike<{ readonly stream: ReadableStream<AnswerPart> }> {
  return model.specificationVersion === 'v3'
    ? model.doStream(options as Parameters<typeof model.doStream>[0])
    : model.doStream(options as Parameters<typeof model.doStream>[0])
}

function generatedBy(model: LanguageModel, options: CallOptions): PromiseLike<GenerateResult> {
  return model.specificationVersion === 'v3'
    ? model.doGenerate(options as Parameters<typeof model.doGenerate>[0])
    : model.doGenerate(options as Parameters<typeof model.doGenerate>[0])
}
/* oxlint-enable typescript/no-unsafe-type-assertion */
