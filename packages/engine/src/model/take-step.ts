import { contextOf } from '../instances/execution-context.ts'
import { Answer } from './answer.ts'
import { callModel, type ModelCaller } from './call-model.ts'
import type { ModelCallOptions } from './language-model.ts'
import { isPassing, modelFailure, retryAfterOf } from './model-failure.ts'
import { estimateUsage, type ModelUsage } from './model-usage.ts'
import type { FilePart } from './prompt.ts'
import { delayBefore, pause, type RetryOptions } from './retry.ts'

export interface StepCaller extends ModelCaller {
  readonly retry: RetryOptions
  /** Told of what each try used, also of one that failed. */
  readonly onUsage: (usage: ModelUsage) => void | Promise<void>
}

/**
 * One answer of the model. A try that failed for a passing reason is made again, as long as nothing of its answer
 * is in the run's story. Throws what ended the execution, or what the last try failed with.
 */
export async function takeStep(
  caller: StepCaller,
  options: ModelCallOptions<FilePart>,
): Promise<Answer> {
  const { model, execution, events, retry, onUsage } = caller
  const { logger } = contextOf(execution)
  const { signal } = execution
  for (let attempt = 1; ; attempt += 1) {
    events.beginAnswer()
    const answer = new Answer(events)
    try {
      await callModel(caller, options, answer)
      if (answer.usage !== undefined) await onUsage(answer.usage)
      return answer
    } catch (error) {
      if (answer.characters > 0) await onUsage(answer.usage ?? estimate(options, answer))
      if (signal.aborted) throw signal.reason
      const again = isPassing(error) && !events.begun
      const delayMs = again ? delayBefore(attempt, retryAfterOf(error), retry) : undefined
      logger?.warn(
        { err: error, agent: execution.name, model: model.modelId, attempt, delayMs },
        delayMs === undefined ? 'model failed' : 'model failed and is tried again',
      )
      if (delayMs === undefined) throw modelFailure(error)
      await pause(delayMs, signal)
    }
  }
}

function estimate(options: ModelCallOptions<FilePart>, answer: Answer): ModelUsage {
  // Bytes of files are no text: what they cost, only the provider knows.
  const written = JSON.stringify(options.prompt, (_, value: unknown) =>
    ArrayBuffer.isView(value) ? undefined : value,
  )
  return estimateUsage(written.length, answer.characters)
}
