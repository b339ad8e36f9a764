import type { UsageRecordedData } from '@ringfence/engine'
import type { AgUiUsage } from './ag-ui-event.ts'

/** The tokens that a run used, by model. */
export class UsedModels {
  readonly #models = new Map<string | undefined, { inputTokens: number; outputTokens: number }>()

  add({ model, inputTokens = 0, outputTokens = 0 }: UsageRecordedData): void {
    if (inputTokens + outputTokens === 0) return
    const used = this.#models.get(model) ?? { inputTokens: 0, outputTokens: 0 }
    used.inputTokens += inputTokens
    used.outputTokens += outputTokens
    this.#models.set(model, used)
  }

  all(): AgUiUsage[] {
    return [...this.#models].map(([model, { inputTokens, outputTokens }]) => ({
      ...(model === undefined ? {} : { model }),
      inputTokens,
      outputTokens,
      totalTokens: inputTokens + outputTokens,
    }))
  }
}
