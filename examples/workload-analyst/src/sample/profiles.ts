/** What one feature of a product asks of a model. */
export interface FeatureProfile {
  readonly feature: string
  readonly model: string
  readonly weight: number
  /** Tokens that a prompt of this feature always begins with, warm in the provider's cache. */
  readonly prefixTokens: number
  /** The input beyond the prefix, and the output; both bounds included. */
  readonly input: readonly [low: number, high: number]
  readonly output: readonly [low: number, high: number]
}

/** A kind of user with its own traffic. */
export interface SampleProfile {
  readonly format: 'csv' | 'json-lines'
  readonly startsAt: string
  readonly minutes: number
  /** Minutes in the middle that see three times the traffic. */
  readonly rush: readonly [from: number, to: number]
  readonly msPerOutputToken: number
  readonly features: readonly FeatureProfile[]
}

/** The names of the profiles. */
export const sampleProfileNames = ['support-chat', 'code-completion'] as const

/** The name of a profile. */
export type SampleProfileName = (typeof sampleProfileNames)[number]

/**
 * The traffic without its planted inefficiencies: every output is within four medians, no small
 * call is on a model with a cheaper one, every prefix is read from the cache.
 */
export const sampleProfiles: Readonly<Record<SampleProfileName, SampleProfile>> = {
  'support-chat': {
    format: 'csv',
    startsAt: '2025-03-03T09:00:00.000Z',
    minutes: 120,
    rush: [50, 65],
    msPerOutputToken: 14,
    features: [
      {
        feature: 'answer-customer',
        model: 'gpt-4.1',
        weight: 6,
        prefixTokens: 2048,
        input: [300, 1800],
        output: [180, 420],
      },
      {
        feature: 'summarize-ticket',
        model: 'gpt-4.1-mini',
        weight: 3,
        prefixTokens: 0,
        input: [1200, 5200],
        output: [110, 240],
      },
      {
        feature: 'route-ticket',
        model: 'gpt-4.1-nano',
        weight: 4,
        prefixTokens: 0,
        input: [120, 700],
        output: [3, 9],
      },
    ],
  },
  'code-completion': {
    format: 'json-lines',
    startsAt: '2025-03-04T13:30:00.000Z',
    minutes: 60,
    rush: [20, 26],
    msPerOutputToken: 9,
    features: [
      {
        feature: 'complete-line',
        model: 'claude-3-5-haiku',
        weight: 12,
        prefixTokens: 0,
        input: [400, 7400],
        output: [6, 40],
      },
      {
        feature: 'edit-file',
        model: 'claude-sonnet-4',
        weight: 3,
        prefixTokens: 6000,
        input: [800, 9000],
        output: [240, 700],
      },
      {
        feature: 'review-change',
        model: 'claude-sonnet-4',
        weight: 1,
        prefixTokens: 3072,
        input: [2500, 16000],
        output: [350, 900],
      },
    ],
  },
}
