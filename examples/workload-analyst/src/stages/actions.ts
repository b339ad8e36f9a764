import * as z from 'zod'
import { bySaving, type Finding, type FindingId, findingIds } from '../findings/finding.ts'
import { type OptimizationOutput, optimizationOutput } from './optimization.ts'

export interface ActionsInput {
  readonly optimization: OptimizationOutput
}

export const actionsInput: z.ZodType<ActionsInput> = z.object({ optimization: optimizationOutput })

/** Something to change. */
export interface Action {
  readonly id: string
  /** The finding that it answers. */
  readonly finding: FindingId
  readonly title: string
  readonly how: string
  /** Where to begin: the feature, model or pair of models that saves most; null where unnamed. */
  readonly startWith: string | null
  readonly savingUsd: number | null
  readonly savingTokens: number
}

export interface ActionsOutput {
  /** The largest saving first. */
  readonly actions: readonly Action[]
}

export const action: z.ZodType<Action> = z.object({
  id: z.string(),
  finding: z.enum(findingIds),
  title: z.string(),
  how: z.string(),
  startWith: z.string().nullable(),
  savingUsd: z.number().min(0).nullable(),
  savingTokens: z.int().min(0),
})

export const actionsOutput: z.ZodType<ActionsOutput> = z.object({ actions: z.array(action) })

const answers: Readonly<Record<FindingId, { id: string; title: string; how: string }>> = {
  'repeated-requests': {
    id: 'cache-answers',
    title: 'Keep answers to identical requests for an hour',
    how: 'Store each answer under the hash of its prompt and its model, per user where answers are personal, and look there before calling the model.',
  },
  'small-calls-on-costly-model': {
    id: 'move-small-calls',
    title: 'Send small calls to the cheaper model of the family',
    how: 'Run a sample of these calls on both models, compare the answers, and route by feature.',
  },
  'paid-failures': {
    id: 'stop-paying-for-failures',
    title: 'Fail earlier and retry less',
    how: 'Check requests before sending them, retry with growing pauses and a limit, and open a circuit breaker when a provider keeps failing.',
  },
  'uncached-prefix': {
    id: 'cache-prefix',
    title: 'Let the provider cache the shared beginning of the prompts',
    how: 'Put what does not change (instructions, tools, documents) first and byte for byte the same, and mark it for caching where the provider asks for that.',
  },
  'long-outputs': {
    id: 'limit-outputs',
    title: 'Limit the output tokens',
    how: 'Set the limit of output tokens near four times the median, and ask for short answers in the prompt.',
  },
}

const answer = (finding: Finding): Action => ({
  ...answers[finding.id],
  finding: finding.id,
  startWith: finding.evidence.groups[0]?.name ?? null,
  savingUsd: finding.savingUsd,
  savingTokens: finding.savingTokens,
})

/** Says what to change, one action for each finding. */
export const actions = (input: ActionsInput): ActionsOutput => ({
  actions: input.optimization.findings.map(answer).toSorted(bySaving),
})
