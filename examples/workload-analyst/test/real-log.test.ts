import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { analyzeLog, reorderColumns, shuffle, type Table, writeCsv } from './logs.ts'
import { sum } from './oracle.ts'

const path = process.env['RINGFENCE_SAMPLE_LOG'] ?? ''
const claim = 'a real log of an hour of model calls'
const skipped = 'skipped: RINGFENCE_SAMPLE_LOG is not set'

const readTable = (): Table => {
  const [header = '', ...lines] = readFileSync(path, 'utf8').trim().split(/\r?\n/)
  return { columns: header.split(','), rows: lines.map((line) => line.split(',')) }
}

const recompute = (table: Table): { calls: number; inputTokens: number; outputTokens: number } => {
  const column = (name: string): number[] => {
    const at = table.columns.indexOf(name)
    return table.rows.map((row) => Number(row[at]))
  }
  return {
    calls: table.rows.length,
    inputTokens: sum(column('ContextTokens')),
    outputTokens: sum(column('GeneratedTokens')),
  }
}

describe.skipIf(path === '')(`${path === '' ? `${skipped}: ` : ''}${claim}`, () => {
  test('has 8819 calls, 18059974 input tokens and 245896 output tokens, and no money', async () => {
    const result = await analyzeLog(readFileSync(path, 'utf8'))
    expect(result.totals).toMatchObject({
      calls: 8819,
      inputTokens: 18_059_974,
      outputTokens: 245_896,
      costUsd: null,
      pricedCalls: 0,
      unpricedCalls: 8819,
    })
    expect(result.spendByModel).toBeNull()
    expect(result.spendByFeature).toBeNull()
    expect(result.findings.map((finding) => finding.savingUsd)).not.toContainEqual(
      expect.any(Number),
    )
    expect(sum((result.callsPerMinute?.series ?? []).map((point) => point.calls))).toBe(8819)
  })

  test('has the recomputed totals where shuffled, cut at a row, or with its columns in another order', async () => {
    const table = readTable()
    const shuffled = { ...table, rows: shuffle(table.rows, 20_231_116) }
    const variants = [
      shuffled,
      { ...table, rows: table.rows.slice(0, 1) },
      { ...table, rows: table.rows.slice(0, 4321) },
      { ...shuffled, rows: shuffled.rows.slice(0, 5000) },
      reorderColumns(table, [2, 0, 1]),
      reorderColumns(shuffled, [1, 2, 0]),
    ]
    for (const variant of variants) {
      const { totals } = await analyzeLog(writeCsv(variant))
      expect(totals).toMatchObject(recompute(variant))
    }
    expect(recompute(shuffled)).toEqual(recompute(table))
  })

  test('has the same percentiles, peak and savings in whatever order its rows are', async () => {
    const table = readTable()
    const { log: _, report: __, findings, ...inOrder } = await analyzeLog(writeCsv(table))
    const shuffled = await analyzeLog(writeCsv({ ...table, rows: shuffle(table.rows, 7) }))
    expect(shuffled).toMatchObject(inOrder)
    expect(shuffled.findings.map((finding) => finding.savingTokens)).toEqual(
      findings.map((finding) => finding.savingTokens),
    )
  })
})
