import { readFileSync } from 'node:fs'
import * as z from 'zod'
import {
  analyze,
  createAnalysis,
  type PaceOptions,
  readPrices,
  type SampleCall,
  type WorkloadResult,
} from '../src/index.ts'
import type { OracleCall, OraclePrices } from './oracle.ts'

const pricesFile: unknown = JSON.parse(
  readFileSync(new URL('../prices.json', import.meta.url), 'utf8'),
)

const price = z.object({
  inputPerMillion: z.number(),
  cachedInputPerMillion: z.number().optional(),
  outputPerMillion: z.number(),
  cheaper: z.string().optional(),
})

/** The example's own table of prices. */
export const prices = readPrices(pricesFile)

/** The same table as the oracle reads it. */
export const oraclePrices: OraclePrices = z
  .object({ models: z.record(z.string(), price) })
  .parse(pricesFile).models

export const analyzeLog = (log: string, pace: PaceOptions = {}): Promise<WorkloadResult> =>
  analyze({ log }, createAnalysis({ prices, ...pace }))

export const toOracleCall = (call: SampleCall): OracleCall => ({
  time: call.time,
  model: call.model,
  feature: call.feature,
  inputTokens: call.inputTokens,
  cachedTokens: call.cachedTokens,
  outputTokens: call.outputTokens,
  latencyMs: call.latencyMs,
  failed: call.status === 'error',
  prompt: call.promptHash,
  prefix: call.prefixHash,
  prefixTokens: call.prefixTokens,
})

/** Rows under named columns, to be written in any order and form. */
export interface Table {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | number)[])[]
}

const quote = (cell: string | number, delimiter: string): string => {
  const text = String(cell)
  const needsQuotes = text.includes(delimiter) || /["\r\n]/.test(text) || text.trim() !== text
  return needsQuotes ? `"${text.replaceAll('"', '""')}"` : text
}

export const writeCsv = (
  { columns, rows }: Table,
  { delimiter = ',', newline = '\n', bom = false } = {},
): string =>
  (bom ? '\uFEFF' : '') +
  [columns, ...rows]
    .map((row) => row.map((cell) => quote(cell, delimiter)).join(delimiter) + newline)
    .join('')

export const writeJsonLines = ({ columns, rows }: Table): string =>
  rows
    .map(
      (row) =>
        `${JSON.stringify(Object.fromEntries(columns.map((column, at) => [column, row[at]])))}\n`,
    )
    .join('')

export const reorderColumns = ({ columns, rows }: Table, order: readonly number[]): Table => ({
  columns: order.map((at) => columns[at] ?? ''),
  rows: rows.map((row) => order.map((at) => row[at] ?? '')),
})

/** A shuffle that its seed fixes. */
export const shuffle = <Item>(items: readonly Item[], seed: number): Item[] => {
  let state = seed
  const keyed = items.map((item) => {
    state = (state * 48_271) % 2_147_483_647
    return { item, key: state }
  })
  return keyed.toSorted((a, b) => a.key - b.key).map(({ item }) => item)
}
