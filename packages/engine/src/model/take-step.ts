import { RunningExecution } from '../instances/running-execution.ts'
import { retryAfter } from '../retries/retrying.ts'
import type { RetryPolicy } from '../retries/retry-policy.ts'
import { verdictOn } from '../retries/verdict.ts'
import { Answer } from './answer.ts'
import { callModel, type ModelCaller } from './call-model.ts'
import type { ModelCallOptions } from './language-model.ts'
import { modelFailure } from './model-failure.ts'
import { payStep, type PayFor } from './pay-step.ts'
import type { FilePart } from './prompt.ts'

export interface StepCaller extends ModelCaller {
  readonly retry: RetryPolicy
  /** What the circuit is named after that a failing model opens for its user. */
  readonly dependency: string
}

/**
 * One answer of the model, through the circuit of its provider. A try that failed for a passing reason is made again,
 * as long as nothing of its answer is in the run's story. Throws what ended the execution, or what the last try failed
 * with; `CIRCUIT_OPEN` where the model has failed too often for this user.
 */
export function takeStep(caller: StepCaller, options: ModelCallOptions<FilePart>): Promise<Answer> {
  return attemptStep(caller, options).catch((error: unknown) => tryAgain(caller, options, error))
}

function attemptStep(caller: StepCaller, options: ModelCallOptions<FilePart>): Promise<Answer> {
  const { execution, events, dependency } = caller
  const { circuits } = RunningExecution.contextOf(execution)
  return circuits.guard(
    dependency,
    () => ask(caller, options),
    // That its answer could not be told is no fault of the model's.
    (error) => (events.lost(error) ? 'unknown' : verdictOn(error)),
  )
}

async function tryAgain(
  caller: StepCaller,
  options: ModelCallOptions<FilePart>,
  first: unknown,
): Promise<Answer> {
  const { model, execution, events, retry } = caller
  const { logger, random } = RunningExecution.contextOf(execution)
  try {
    return await retryAfter(first, () => attemptStep(caller, options), {
      policy: retry,
      random,
      mayRepeat: () => !events.begun,
      onFailure: (err, number, delayMs) => {
        if (execution.signal.aborted) return
        logger?.warn(
          { err, agent: execution.name, model: model.modelId, attempt: number, delayMs },
          delayMs === undefined ? 'model failed' : 'model failed and is tried again',
        )
      },
    })
  } catch (error) {
    if (execution.signal.aborted) throw execution.signal.reason
    throw modelFailure(error)
  }
}

async function ask(caller: StepCaller, options: ModelCallOptions<FilePart>): Promise<Answer> {
  const { events, execution } = caller
  events.beginAnswer()
  const answer = new Answer(events)
  const reserved = payStep(caller, options)
  // What is there need not be waited for: that costs more than it does.
  const payFor = reserved instanceof Promise ? await reserved : reserved
  try {
    await callModel(caller, options, answer)
  } catch (error) {
    await payAnyway(payFor, answer)
    if (execution.signal.aborted) throw execution.signal.reason
    throw error
  }
  const paid = payFor(answer)
  if (paid !== undefined) await paid
  return answer
}

/** It is paid for all the same; a run that has ended meanwhile cannot be told of it. */
async function payAnyway(payFor: PayFor, answer: Answer): Promise<void> {
  try {
    await payFor(answer)
  } catch {
    // What ended the run is thrown.
  }
}
