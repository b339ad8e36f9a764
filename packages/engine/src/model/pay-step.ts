import { assertOwner } from '@ringfence/context'
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
 * Rejects with `BUDGET_EXCEEDED` and `UNPRICED_MODEL`; then the model must not be called.
 */
export async function payStep(
  { execution, model }: Pick<ModelCaller, 'execution' | 'model'>,
  options: ModelCallOptions<FilePart>,
): Promise<(answer: Answer) => Promise<void>> {
  const { limited } = RunningExecution.contextOf(execution).account
  const held = limited
    ? await execution.budget.reserve({
        model: model.modelId,
        inputTokens: estimateUsage(charactersOf(options), 0).inputTokens,
        outputTokens: options.maxOutputTokens ?? usualOutputTokens,
      })
    : undefined
  return async (answer) => {
    const used = usedBy(answer, options)
    if (used === undefined) return held?.release()
    const { estimated: _estimated, ...amounts } = used
    const entry = { model: model.modelId, ...amounts }
    if (held !== undefined) return held.settle(entry)
    // As the execution's own `usage` does, without a task of its own: the step waits for it.
    await recordUsage(entry, assertOwner(execution).name, RunningExecution.contextOf(execution))
  }
}

/** Where the settings set no limit: more than most answers take. */
const usualOutputTokens = 4_096

function usedBy(answer: Answer, options: ModelCallOptions<FilePart>): ModelUsage | undefined {
  if (answer.usage !== undefined || answer.characters === 0) return answer.usage
  return estimateUsage(charactersOf(options), answer.characters)
}

/** Bytes of files are no text: what they cost, only the provider knows. */
function charactersOf({ prompt }: ModelCallOptions<FilePart>): number {
  return JSON.stringify(prompt, (_, value: unknown) =>
    ArrayBuffer.isView(value) ? undefined : value,
  ).length
}
