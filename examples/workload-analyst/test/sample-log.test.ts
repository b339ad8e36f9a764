import { describe, expect, test } from 'vitest'
import {
  type FindingId,
  generateSampleCalls,
  generateSampleLog,
  sampleProfileNames,
  type SampleLogOptions,
} from '../src/index.ts'
import { plants } from '../src/sample/plant.ts'
import { analyzeLog, oraclePrices, toOracleCall } from './logs.ts'
import { costOf, dollars, oracleFindings, sum } from './oracle.ts'

const ids = (profile: SampleLogOptions['profile']): FindingId[] => {
  const all = ['repeated-requests', 'small-calls-on-costly-model', 'paid-failures'] as const
  return [...all, 'uncached-prefix' as const, 'long-outputs' as const].filter(
    (id) => plants[profile][id] !== undefined,
  )
}

describe.each(sampleProfileNames)('the sample log %s', (profile) => {
  test('is the same for the same seed and another for another', () => {
    const options = { seed: 7, calls: 200, profile }
    expect(generateSampleLog(options)).toBe(generateSampleLog(options))
    expect(generateSampleLog(options)).not.toBe(generateSampleLog({ ...options, seed: 8 }))
  })

  test.each([1, 2, 3])('reports nothing where nothing is planted (seed %i)', async (seed) => {
    const options = { seed, calls: 1500, profile, inefficiencies: [] }
    const result = await analyzeLog(generateSampleLog(options))
    const calls = generateSampleCalls(options)
    expect(result.findings).toEqual([])
    expect(result.actions).toEqual([])
    expect(result.combinedSavingUsd).toBe(0)
    expect(result.totals).toMatchObject({
      calls: 1500,
      unpricedCalls: 0,
      costUsd: dollars(sum(calls.map((call) => costOf(oraclePrices, toOracleCall(call)) ?? 0))),
    })
  })

  test.each(ids(profile))('reports %s, and nothing else, with its exact saving', async (id) => {
    const options = { seed: 11, calls: 900, profile, inefficiencies: [id] }
    const { findings } = await analyzeLog(generateSampleLog(options))
    const calls = generateSampleCalls(options).map(toOracleCall)
    const expected = oracleFindings[id](oraclePrices, calls)
    expect(expected.amount).toBeGreaterThan(0)
    expect(findings.map((finding) => finding.id)).toEqual([id])
    expect(findings[0]).toMatchObject({
      savingUsd: dollars(expected.amount),
      savingTokens: expected.tokens,
      evidence: { calls: expected.calls, pricedCalls: expected.priced },
    })
  })

  test('reports all that is planted by default', async () => {
    const { findings } = await analyzeLog(generateSampleLog({ seed: 4, calls: 1500, profile }))
    expect(findings.map((finding) => finding.id).toSorted()).toEqual(ids(profile).toSorted())
  })
})

test('the two sample logs are of different formats, models and features', async () => {
  const [chat, code] = await Promise.all(
    sampleProfileNames.map((profile) =>
      analyzeLog(generateSampleLog({ seed: 1, calls: 400, profile })),
    ),
  )
  expect([chat?.log.format, code?.log.format]).toEqual(['csv', 'json-lines'])
  const names = (entries: readonly { name: string | null }[] | null | undefined): unknown[] =>
    (entries ?? []).map((entry) => entry.name)
  for (const key of ['spendByModel', 'spendByFeature'] as const) {
    expect(names(chat?.[key]).filter((name) => names(code?.[key]).includes(name))).toEqual([])
  }
})

test('a sample log of no calls is a RangeError', () => {
  expect(() => generateSampleLog({ seed: 1, calls: 0, profile: 'support-chat' })).toThrow(
    RangeError,
  )
})
