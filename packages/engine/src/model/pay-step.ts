import { assertOwner } from '@ringfence/context'
import type { BudgetReservation } from '../instances/agent-execution.ts'
import { RunningExecution } from '../instances/running-execution.ts'
import { recordUsage } from '../instances/record-usage.ts'
import type { Answer } from './answer.ts'
import type { ModelCaller } from './call-model.ts'
import type { ModelCallOptions } from './language-model.ts'
import { estimateUsage, type ModelUsage } from './model-usage.ts'
import type { FilePart } from './prompt.ts'

/**
 * Sets aside what a call of the model is going to use, where there is a budget, and returns how to charge what it did
 * use. A call whose end was not seen is charged by what was seen of it, and one that was never answered not at all.
 * It is no promise where nothing is to be set aside. Rejects with `BUDGET_EXCEEDED` and `UNPRICED_MODEL`; then the model must not be called.
 */
export function payStep(caller: StepPayer, options: CallOptions): PayFor | Promise<PayFor> {
  const { execution, model } = caller
  const { limited } = RunningExecution.contextOf(execution).account
  if (!limited) return payerOf(caller, options, undefined)
  const { inputTokens } = estimateUsage(charactersOf(options), 0)
  const outputTokens = options.maxOutputTokens ?? usualOutputTokens
  return execution.budget
    .reserve({ model: model.modelId, inputTokens, outputTokens })
    .then((held) => payerOf(caller, options, held))
}

type StepPayer = Pick<ModelCaller, 'execution' | 'model'>
type CallOptions = ModelCallOptions<FilePart>

/** Charges what an answer used. Undefined where nothing is to be waited for. */
export type PayFor = (answer: Answer) => Promise<void> | undefined

function payerOf(
  { execution, model }: StepPayer,
  options: CallOptions,
  held: BudgetReservation | undefined,
): PayFor {
  return (answer) => {
    const used = usedBy(answer, options)
    if (used === undefined) return held?.release()
    const { estimated: _estimated, ...amounts } = used
    const entry = { model: model.modelId, ...amounts }
    if (held !== undefined) return held.settle(entry)
    // As the execution's own `usage` does, without a task of its own: the step waits for it.
    return recordUsage(entry, assertOwner(execution).name, RunningExecution.contextOf(execution))
  }
}

/** Where the settings set no limit: more than most answers take. */
const usualOutputTokens = 4_096

function usedBy(answer: Answer, options: CallOptions): ModelUsage | undefined {
  if (answer.usage !== undefined || answer.characters === 0) return answer.usage
  return estimateUsage(charactersOf(options), answer.characters)
}

/** Bytes of files are no text: what they cost, only the provider knows. */
function charactersOf({ prompt }: CallOptions): number {
  return JSON.stringify(prompt, (_, value: unknown) =>
    ArrayBuffer.isView(value) ? undefined : value,
  ).length
}
