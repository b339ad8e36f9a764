import { type FindingId, findingIds } from '../findings/finding.ts'
import { plants } from './plant.ts'
import { type SampleProfile, sampleProfiles, type SampleProfileName } from './profiles.ts'
import { createRandom, type Random } from './random.ts'
import { type SampleCall, toCsv, toJsonLines } from './sample-call.ts'

/** Which sample log to make. */
export interface SampleLogOptions {
  /** Fixes the log: the same options give the same text. */
  readonly seed: number
  /** How many calls before the planted inefficiencies, some of which add calls. */
  readonly calls: number
  readonly profile: SampleProfileName
  /**
   * The inefficiencies to plant; those that the profile does not have are left out.
   * @default all that the profile has
   */
  readonly inefficiencies?: readonly FindingId[]
}

/** Makes the calls of a sample log, in the order of time. */
export const generateSampleCalls = (options: SampleLogOptions): SampleCall[] => {
  const { seed, calls: length, profile: name, inefficiencies = findingIds } = options
  if (!Number.isSafeInteger(length) || length < 1) {
    throw new RangeError(`Expected \`calls\` to be an integer >= 1, got \`${length}\``)
  }
  const profile = sampleProfiles[name]
  const random = createRandom(seed)
  let calls = Array.from({ length }, (_, index) => generateCall(profile, random, index))
  calls = calls.toSorted((a, b) => a.time - b.time)
  for (const [id, plant] of Object.entries(plants[name])) {
    if (inefficiencies.some((wanted) => wanted === id)) calls = plant(calls, random)
  }
  return calls.toSorted((a, b) => a.time - b.time)
}

/** Makes a sample log: CSV for `support-chat`, JSON Lines for `code-completion`. */
export const generateSampleLog = (options: SampleLogOptions): string => {
  const calls = generateSampleCalls(options)
  return sampleProfiles[options.profile].format === 'csv' ? toCsv(calls) : toJsonLines(calls)
}

const minuteMs = 60_000

/** A time within the profile, three times as likely in its rush. */
const generateTime = (profile: SampleProfile, random: Random): number => {
  const { minutes, startsAt } = profile
  const [from, to] = profile.rush
  const length = to - from
  let at = random.next() * (minutes + 2 * length)
  if (at >= minutes) at = from + (((at - minutes) / 2) % length)
  return Date.parse(startsAt) + Math.floor(at * minuteMs)
}

const generateCall = (profile: SampleProfile, random: Random, index: number): SampleCall => {
  const { feature, model, prefixTokens, input, output } = random.pick(profile.features)
  const outputTokens = random.between(...output)
  return {
    time: generateTime(profile, random),
    model,
    feature,
    inputTokens: prefixTokens + random.between(...input),
    cachedTokens: prefixTokens,
    outputTokens,
    latencyMs: 180 + random.between(0, 400) + outputTokens * profile.msPerOutputToken,
    status: 'ok',
    // The index makes every prompt a different one.
    promptHash: `${index.toString(16).padStart(6, '0')}${random.between(0, 0xffffff).toString(16).padStart(6, '0')}`,
    prefixHash: prefixTokens === 0 ? '' : `${feature}-v3`,
    prefixTokens,
  }
}
