import type { FindingId } from '../findings/finding.ts'
import type { SampleProfileName } from './profiles.ts'
import type { Random } from './random.ts'
import type { SampleCall } from './sample-call.ts'

/** Spoils the calls of a profile with one inefficiency; returns the calls to use instead. */
type Plant = (calls: readonly SampleCall[], random: Random) => SampleCall[]

const minuteMs = 60_000

/** About one call in `every` is asked again, seconds later. */
const repeatRequests =
  (feature: string, every: number): Plant =>
  (calls, random) =>
    calls.flatMap((call) =>
      call.feature === feature && random.next() < 1 / every
        ? [call, { ...call, time: call.time + random.between(2000, 20 * minuteMs) }]
        : [call],
    )

/** About one call in `every` becomes a short classification on the costly model. */
const addSmallCalls =
  (feature: string, model: string, every: number): Plant =>
  (calls, random) =>
    calls.map((call) =>
      random.next() < 1 / every
        ? {
            ...call,
            feature,
            model,
            inputTokens: random.between(80, 600),
            cachedTokens: 0,
            outputTokens: random.between(2, 12),
            prefixHash: '',
            prefixTokens: 0,
          }
        : call,
    )

/** In a few minutes around the middle, calls of a feature time out and are tried three times. */
const failInBursts =
  (feature: string, minutes: number): Plant =>
  (calls, random) => {
    const middle = calls[Math.floor(calls.length / 2)]?.time ?? 0
    return calls.flatMap((call) => {
      const isHit = call.feature === feature && Math.abs(call.time - middle) < minutes * minuteMs
      if (!isHit) return [call]
      const attempt = { ...call, outputTokens: 0, latencyMs: 30_000, status: 'error' as const }
      const pause = random.between(200, 900)
      return [0, 1, 2].map((retry) => ({ ...attempt, time: call.time + retry * pause }))
    })
  }

/** The prompts of a feature still begin alike, but nothing is read from the provider's cache. */
const forgetCache =
  (feature: string): Plant =>
  (calls) =>
    calls.map((call) => (call.feature === feature ? { ...call, cachedTokens: 0 } : call))

/** About one output in `every` runs on to `tokens`. */
const runOn =
  (feature: string, every: number, tokens: number): Plant =>
  (calls, random) =>
    calls.map((call) =>
      call.feature === feature && random.next() < 1 / every
        ? { ...call, outputTokens: tokens + random.between(0, 400) }
        : call,
    )

/** What each profile can be spoiled with. */
export const plants: Readonly<
  Record<SampleProfileName, Readonly<Partial<Record<FindingId, Plant>>>>
> = {
  'support-chat': {
    'small-calls-on-costly-model': addSmallCalls('detect-language', 'gpt-4.1', 8),
    'long-outputs': runOn('summarize-ticket', 40, 2200),
    'repeated-requests': repeatRequests('answer-customer', 7),
    'paid-failures': failInBursts('answer-customer', 3),
  },
  'code-completion': {
    'uncached-prefix': forgetCache('edit-file'),
    'long-outputs': runOn('complete-line', 60, 900),
    'repeated-requests': repeatRequests('complete-line', 5),
  },
}
