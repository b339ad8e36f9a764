import * as z from 'zod'

/** The inefficiencies that are looked for. */
export const findingIds = [
  'repeated-requests',
  'small-calls-on-costly-model',
  'paid-failures',
  'uncached-prefix',
  'long-outputs',
] as const

/** Which inefficiency a finding is. */
export type FindingId = (typeof findingIds)[number]

/** A part of a finding: the calls of one feature, model or pair of models. */
export interface FindingGroup {
  /** As the log has it, shortened where long; null for calls without a name. */
  readonly name: string | null
  readonly calls: number
  readonly savingUsd: number | null
  readonly savingTokens: number
}

/** An inefficiency, with what it would save. The savings of two findings may overlap. */
export interface Finding {
  readonly id: FindingId
  readonly title: string
  readonly detail: string
  /** Dollars over the time of the log; null where none of the calls has a price. */
  readonly savingUsd: number | null
  /** Tokens that would not have been used, or, of an uncached prefix, not been paid in full. */
  readonly savingTokens: number
  /** How the saving was computed, with its numbers. */
  readonly computation: string
  readonly evidence: {
    readonly calls: number
    /** The calls whose saving is known in dollars. */
    readonly pricedCalls: number
    /** The first lines of the log that show it, at most five. */
    readonly lines: readonly number[]
    /** Where it happens most, at most five. */
    readonly groups: readonly FindingGroup[]
  }
}

const findingGroup: z.ZodType<FindingGroup> = z.object({
  name: z.string().nullable(),
  calls: z.int().min(1),
  savingUsd: z.number().min(0).nullable(),
  savingTokens: z.int().min(0),
})

export const finding: z.ZodType<Finding> = z.object({
  id: z.enum(findingIds),
  title: z.string(),
  detail: z.string(),
  savingUsd: z.number().min(0).nullable(),
  savingTokens: z.int().min(0),
  computation: z.string(),
  evidence: z.object({
    calls: z.int().min(1),
    pricedCalls: z.int().min(0),
    lines: z.array(z.int().min(1)).max(5),
    groups: z.array(findingGroup).max(5),
  }),
})

/** Orders what saves something: the most dollars first, then the most tokens, then by name. */
export const bySaving = (
  a: { readonly id: string; readonly savingUsd: number | null; readonly savingTokens: number },
  b: { readonly id: string; readonly savingUsd: number | null; readonly savingTokens: number },
): number =>
  (b.savingUsd ?? -1) - (a.savingUsd ?? -1) ||
  b.savingTokens - a.savingTokens ||
  (a.id < b.id ? -1 : 1)
