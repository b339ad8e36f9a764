import { AgentError, defineTool, type ToolDefinition } from '@ringfence/engine'
import * as z from 'zod'
import type { WorkloadResult } from '../result.ts'
import { totals, type Totals } from '../stages/data.ts'
import { spend, type Spend } from '../statistics/spend.ts'
import type { OwnAnalyses } from './own-analyses.ts'

/** What was used, and when most. */
export interface TotalsAnswer {
  readonly totals: Totals
  readonly busiestMinute: { readonly at: string; readonly calls: number } | null
}

/** Where the money goes, the dearest first. */
export interface SpendingAnswer {
  readonly by: 'model' | 'feature'
  readonly spending: readonly Spend[]
}

/** What to change, the largest saving first. */
export interface SavingsAnswer {
  readonly combinedSavingUsd: number | null
  readonly actions: readonly {
    readonly title: string
    readonly how: string
    readonly savingUsd: number | null
  }[]
}

/** The tools that look into a user's own analysed log. */
export interface LogTools {
  readonly readTotals: ToolDefinition<Record<string, never>, TotalsAnswer>
  readonly readSpending: ToolDefinition<{ readonly by: 'model' | 'feature' }, SpendingAnswer>
  readonly readSavings: ToolDefinition<Record<string, never>, SavingsAnswer>
}

const mostEntries = 5
const nothing = z.strictObject({})

/** Makes the tools. Each fails with `NO_LOG` where the user has no analysed log. */
export const createLogTools = (analyses: OwnAnalyses): LogTools => {
  const latest = async (): Promise<WorkloadResult> => {
    const result = await analyses.latest()
    if (result !== undefined) return result
    throw new AgentError('NO_LOG', 'You have no analysed log yet: run an analysis first.')
  }
  return {
    readTotals: defineTool({
      name: 'read_totals',
      description: "What the calls in the user's log used and cost, and when there were most.",
      input: nothing,
      output: z.object({
        totals,
        busiestMinute: z.object({ at: z.string(), calls: z.int() }).nullable(),
      }),
      async run() {
        const { totals: all, callsPerMinute } = await latest()
        return { totals: all, busiestMinute: callsPerMinute?.peak ?? null }
      },
    }),
    readSpending: defineTool({
      name: 'read_spending',
      description: "Where the money in the user's log goes, by model or by feature.",
      input: z.object({ by: z.enum(['model', 'feature']) }),
      output: z.object({ by: z.enum(['model', 'feature']), spending: z.array(spend) }),
      async run({ by }) {
        const { spendByModel, spendByFeature } = await latest()
        const spending = (by === 'model' ? spendByModel : spendByFeature) ?? []
        return { by, spending: spending.slice(0, mostEntries) }
      },
    }),
    readSavings: defineTool({
      name: 'read_savings',
      description: "What to change so that the calls in the user's log cost less.",
      input: nothing,
      output: z.object({
        combinedSavingUsd: z.number().nullable(),
        actions: z.array(
          z.object({ title: z.string(), how: z.string(), savingUsd: z.number().nullable() }),
        ),
      }),
      async run() {
        const { combinedSavingUsd, actions } = await latest()
        const first = actions.slice(0, mostEntries)
        return {
          combinedSavingUsd,
          actions: first.map(({ title, how, savingUsd }) => ({ title, how, savingUsd })),
        }
      },
    }),
  }
}
