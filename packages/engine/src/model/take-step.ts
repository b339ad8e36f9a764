import { contextOf } from '../instances/execution-context.ts'
import { Answer } from './answer.ts'
import { callModel, type ModelCaller } from './call-model.ts'
import type { ModelCallOptions } from './language-model.ts'
import { isPassing, modelFailure, retryAfterOf } from './model-failure.ts'
import { payStep } from './pay-step.ts'
import type { FilePart } from './prompt.ts'
import { delayBefore, pause, type RetryOptions } from './retry.ts'

export interface StepCaller extends ModelCaller {
  readonly retry: RetryOptions
}

/**
 * One answer of the model. A try that failed for a passing reason is made again, as long as nothing of its answer
 * is in the run's story. Throws what ended the execution, or what the last try failed with.
 */
export async function takeStep(
  caller: StepCaller,
  options: ModelCallOptions<FilePart>,
): Promise<Answer> {
  const { model, execution, events, retry } = caller
  const { logger } = contextOf(execution)
  const { signal } = execution
  for (let attempt = 1; ; attempt += 1) {
    events.beginAnswer()
    const answer = new Answer(events)
    const paid = await payStep(caller, options)
    try {
      await callModel(caller, options, answer)
    } catch (error) {
      // It is paid for all the same; a run that has ended meanwhile cannot be told of it.
      await paid(answer).catch(() => undefined)
      if (signal.aborted) throw signal.reason
      const again = isPassing(error) && !events.begun
      const delayMs = again ? delayBefore(attempt, retryAfterOf(error), retry) : undefined
      logger?.warn(
        { err: error, agent: execution.name, model: model.modelId, attempt, delayMs },
        delayMs === undefined ? 'model failed' : 'model failed and is tried again',
      )
      if (delayMs === undefined) throw modelFailure(error)
      await pause(delayMs, signal)
      continue
    }
    await paid(answer)
    return answer
  }
}
