import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findingIds, workloadResult, type WorkloadResult } from '../src/index.ts'
import {
  analyzeLog,
  oraclePrices,
  reorderColumns,
  type Table,
  writeCsv,
  writeJsonLines,
} from './logs.ts'
import {
  averageOf,
  costOf,
  dollars,
  type OracleCall,
  oracleFindings,
  peakOf,
  percentilesOf,
  sum,
} from './oracle.ts'

const start = Date.parse('2025-06-01T00:00:00Z')
const features = [
  'chat',
  'a|b',
  'say "hi"',
  'semi;colon, and comma',
  'two\nlines',
  '<b>',
  '日本語😀',
]
const models = ['gpt-4.1', 'gpt-4o', 'claude-sonnet-4', 'gpt-4', 'house-model']

const call: fc.Arbitrary<OracleCall> = fc
  .record({
    time: fc.integer({ min: start, max: start + 3 * 3_600_000 }),
    model: fc.constantFrom(...models),
    // One feature has most calls, so that its median counts.
    feature: fc.oneof({ arbitrary: fc.constant('chat'), weight: 2 }, fc.constantFrom(...features)),
    inputTokens: fc.oneof(fc.integer({ min: 0, max: 1500 }), fc.integer({ min: 0, max: 9000 })),
    cachedShare: fc.constantFrom(0, 0, 0.5, 1),
    outputTokens: fc.oneof(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 0, max: 4000 })),
    latencyMs: fc.integer({ min: 0, max: 90_000 }),
    failed: fc.boolean(),
    prompt: fc.constantFrom('', 'p1', 'p2', 'p3'),
    prefix: fc.constantFrom('', 'x', 'y'),
    prefixTokens: fc.constantFrom(0, 800, 1024, 3000),
  })
  .map(({ cachedShare, prefixTokens, ...row }) => {
    // Few distinct sizes, so that identical requests occur.
    const inputTokens =
      row.prompt === '' ? row.inputTokens : row.inputTokens - (row.inputTokens % 700)
    return {
      ...row,
      inputTokens,
      prefixTokens: Math.min(prefixTokens, inputTokens),
      cachedTokens: Math.floor(inputTokens * cachedShare),
    }
  })

/** Calls at different times: the oracle does not say which of two at once came first. */
const calls = fc.uniqueArray(call, { minLength: 1, maxLength: 60, selector: ({ time }) => time })

/** Many calls in half an hour: enough for medians, repeats and a warm cache. */
const busyCalls = fc
  .uniqueArray(call, { minLength: 50, maxLength: 70, selector: ({ time }) => time })
  .map((rows) =>
    rows.map((row, index) => ({
      ...row,
      time: start + ((row.time - start) % 1800) * 1000 + index,
    })),
  )

const toTable = (rows: readonly OracleCall[]): Table => ({
  columns: [
    'Timestamp',
    'Model',
    'Feature',
    'Request tokens',
    'cached_tokens',
    'Response tokens',
    'Latency (ms)',
    'status',
    'prompt hash',
    'prefix-id',
    'PrefixTokens',
    'comment',
  ],
  rows: rows.map((row) => [
    new Date(row.time).toISOString(),
    row.model,
    row.feature,
    row.inputTokens,
    row.cachedTokens,
    row.outputTokens,
    row.latencyMs,
    row.failed ? 503 : 200,
    row.prompt,
    row.prefix,
    row.prefixTokens,
    'ignored',
  ]),
})

const expectAsTheOracleSays = (result: WorkloadResult, rows: readonly OracleCall[]): void => {
  const costs = rows.map((row) => costOf(oraclePrices, row))
  const priced = costs.filter((cost) => cost !== null)
  expect(result.totals).toEqual({
    calls: rows.length,
    inputTokens: sum(rows.map((row) => row.inputTokens)),
    outputTokens: sum(rows.map((row) => row.outputTokens)),
    cachedInputTokens: sum(rows.map((row) => row.cachedTokens)),
    failedCalls: rows.filter((row) => row.failed).length,
    costUsd: priced.length === 0 ? null : dollars(sum(priced)),
    pricedCalls: priced.length,
    unpricedCalls: rows.length - priced.length,
  })
  expect(result.tokens).toEqual({
    input: percentilesOf(rows.map((row) => row.inputTokens)),
    output: percentilesOf(rows.map((row) => row.outputTokens)),
  })
  expect(result.latency).toEqual({
    ...percentilesOf(rows.map((row) => row.latencyMs)),
    calls: rows.length,
  })
  expect(result.callsPerMinute?.peak).toEqual(peakOf(rows))
  expect(result.callsPerMinute?.average).toBe(averageOf(rows))
  expectSeriesToAddUp(result, rows)
  expectSpend(result, rows)
  expectFindings(result, rows)
}

const expectSeriesToAddUp = (result: WorkloadResult, rows: readonly OracleCall[]): void => {
  const { series = [], seriesMinutes = 0 } = result.callsPerMinute ?? {}
  expect(series.length).toBeLessThanOrEqual(120)
  for (const point of series) {
    const from = Date.parse(point.at)
    const inside = rows.filter(
      (row) => row.time >= from && row.time < from + seriesMinutes * 60_000,
    )
    const costs = inside.map((row) => costOf(oraclePrices, row)).filter((cost) => cost !== null)
    expect(point).toMatchObject({
      calls: inside.length,
      inputTokens: sum(inside.map((row) => row.inputTokens)),
      outputTokens: sum(inside.map((row) => row.outputTokens)),
      costUsd: inside.length > 0 && costs.length === 0 ? null : dollars(sum(costs)),
    })
  }
  expect(sum(series.map((point) => point.calls))).toBe(rows.length)
}

const expectSpend = (result: WorkloadResult, rows: readonly OracleCall[]): void => {
  for (const [entries, key] of [
    [result.spendByModel, 'model'],
    [result.spendByFeature, 'feature'],
  ] as const) {
    const names = [...new Set(rows.map((row) => row[key]))]
    expect(entries).toHaveLength(names.length)
    for (const name of names) {
      const alike = rows.filter((row) => row[key] === name)
      const costs = alike.map((row) => costOf(oraclePrices, row)).filter((cost) => cost !== null)
      expect(entries).toContainEqual({
        name: name.replace('\n', ' '),
        names: 1,
        calls: alike.length,
        inputTokens: sum(alike.map((row) => row.inputTokens)),
        outputTokens: sum(alike.map((row) => row.outputTokens)),
        costUsd: costs.length === 0 ? null : dollars(sum(costs)),
        pricedCalls: costs.length,
        latencyMs: sum(alike.map((row) => row.latencyMs)),
      })
    }
  }
}

const expectFindings = (result: WorkloadResult, rows: readonly OracleCall[]): void => {
  const expected = Object.entries(oracleFindings).flatMap(([id, find]) => {
    const saving = find(oraclePrices, rows)
    if (saving.amount === 0 && saving.tokens === 0) return []
    return [
      {
        id,
        savingUsd: saving.priced === 0 ? null : dollars(saving.amount),
        savingTokens: saving.tokens,
        calls: saving.calls,
      },
    ]
  })
  const found = result.findings.map(({ id, savingUsd, savingTokens, evidence }) => ({
    id,
    savingUsd,
    savingTokens,
    calls: evidence.calls,
  }))
  const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1)
  expect(found.toSorted(byId)).toEqual(expected.toSorted(byId))
}

describe('a generated log against an independent oracle', () => {
  test('gives the recomputed totals, percentiles, peak, spend and savings, in CSV and JSON Lines', async () => {
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(calls, busyCalls),
        fc.constantFrom(',', ';', '\t', 'json'),
        async (rows, form) => {
          const table = toTable(rows)
          const log =
            form === 'json'
              ? writeJsonLines(table)
              : writeCsv(table, { delimiter: form, newline: '\r\n', bom: form === ';' })
          const result = await analyzeLog(log)
          expectAsTheOracleSays(result, rows)
          for (const finding of result.findings) seen.add(finding.id)
        },
      ),
      { numRuns: 60 },
    )
    expect([...seen].toSorted()).toEqual([...findingIds].toSorted())
  })

  test('gives the recomputed totals where it is shuffled, cut at a row, or has its columns in another order', async () => {
    expect.hasAssertions()
    const variant = calls.chain((rows) =>
      fc.record({
        rows: fc.constant(rows),
        shuffled: fc.shuffledSubarray(rows, { minLength: rows.length }),
        kept: fc.integer({ min: 1, max: rows.length }),
        order: fc.shuffledSubarray([...toTable([]).columns.keys()], { minLength: 12 }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(variant, async ({ rows, shuffled, kept, order }) => {
        expectAsTheOracleSays(await analyzeLog(writeCsv(toTable(shuffled))), rows)
        expectAsTheOracleSays(
          await analyzeLog(writeCsv(toTable(shuffled.slice(0, kept)))),
          shuffled.slice(0, kept),
        )
        const reordered = reorderColumns(toTable(rows), order)
        expectAsTheOracleSays(await analyzeLog(writeCsv(reordered)), rows)
        expectAsTheOracleSays(await analyzeLog(writeJsonLines(reordered)), rows)
      }),
      { numRuns: 30 },
    )
  })

  test('fits its schema, and is the same after a journey as JSON', async () => {
    await fc.assert(
      fc.asyncProperty(calls, async (rows) => {
        const result = await analyzeLog(writeCsv(toTable(rows)))
        expect(workloadResult.parse(JSON.parse(JSON.stringify(result)))).toEqual(result)
      }),
      { numRuns: 20 },
    )
  })
})
