import * as z from 'zod'
import type { NameColumn } from '../log/column-builder.ts'
import type { Workload } from '../log/workload.ts'
import { toDollars } from '../money.ts'
import type { Pace } from '../pace.ts'
import type { Pricing } from '../prices/pricing.ts'
import { displayName } from '../report/display-name.ts'
import { firstFew } from './first-few.ts'

/** What the calls of one model or one feature used. */
export interface Spend {
  /** The name as the log has it, shortened where long; null for calls without one. */
  readonly name: string | null
  /** How many names this entry sums: 1, or more in a last entry for the smallest ones. */
  readonly names: number
  readonly calls: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** What the priced calls cost; null where none has a price. */
  readonly costUsd: number | null
  readonly pricedCalls: number
  /** The time that the calls took together, in milliseconds; null where the log does not say. */
  readonly latencyMs: number | null
}

export const spend: z.ZodType<Spend> = z.object({
  name: z.string().nullable(),
  names: z.int().min(1),
  calls: z.int().min(1),
  inputTokens: z.int().min(0),
  outputTokens: z.int().min(0),
  costUsd: z.number().nullable(),
  pricedCalls: z.int().min(0),
  latencyMs: z.number().nullable(),
})

interface Sums {
  names: number
  calls: number
  inputTokens: number
  outputTokens: number
  cost: bigint
  pricedCalls: number
  timedCalls: number
  micros: bigint
}

const mostEntries = 40

const noSums = (): Sums => ({
  names: 1,
  calls: 0,
  inputTokens: 0,
  outputTokens: 0,
  cost: 0n,
  pricedCalls: 0,
  timedCalls: 0,
  micros: 0n,
})

/** Sums the calls by name, the dearest first. At most 41 entries: the last then sums the rest. */
export const sumSpend = async (
  workload: Workload,
  column: NameColumn,
  pricing: Pricing,
  pace: Pace,
): Promise<Spend[]> => {
  const sums = new Map<number, Sums>()
  for (let row = 0; row < workload.rows; row += 1) {
    const id = column.ids[row] ?? 0
    let sum = sums.get(id)
    if (sum === undefined) sums.set(id, (sum = noSums()))
    addRow(sum, workload, pricing, row)
    if (pace.due()) await pace.turn()
  }
  const nameOf = (id: number): string => column.names[id] ?? ''
  const dearestFirst = ([a, x]: [number, Sums], [b, y]: [number, Sums]): number =>
    Number(y.pricedCalls > 0) - Number(x.pricedCalls > 0) ||
    Number(y.cost > x.cost) - Number(y.cost < x.cost) ||
    y.inputTokens + y.outputTokens - x.inputTokens - x.outputTokens ||
    (nameOf(a) < nameOf(b) ? -1 : 1)
  const dearest = await firstFew(sums, mostEntries, dearestFirst, pace)
  const entries = dearest.map(([id, sum]) =>
    toSpend(id === 0 ? null : displayName(nameOf(id)), sum),
  )
  if (sums.size > mostEntries) {
    for (const [id] of dearest) sums.delete(id)
    const rest = { ...noSums(), names: 0 }
    for (const sum of sums.values()) {
      addSums(rest, sum)
      if (pace.due()) await pace.turn()
    }
    entries.push(toSpend(`${rest.names} others`, rest))
  }
  return entries
}

const addRow = (sum: Sums, workload: Workload, pricing: Pricing, row: number): void => {
  const paid = pricing.paid(row)
  const micros = workload.latencies?.[row] ?? Number.NaN
  sum.calls += 1
  sum.inputTokens += workload.inputTokens[row] ?? 0
  sum.outputTokens += workload.outputTokens[row] ?? 0
  sum.cost += paid ?? 0n
  if (paid !== null) sum.pricedCalls += 1
  if (!Number.isNaN(micros)) {
    sum.timedCalls += 1
    sum.micros += BigInt(micros)
  }
}

const addSums = (to: Sums, from: Sums): void => {
  to.names += from.names
  to.calls += from.calls
  to.inputTokens += from.inputTokens
  to.outputTokens += from.outputTokens
  to.cost += from.cost
  to.pricedCalls += from.pricedCalls
  to.timedCalls += from.timedCalls
  to.micros += from.micros
}

const toSpend = (name: string | null, sum: Sums): Spend => ({
  name,
  names: sum.names,
  calls: sum.calls,
  inputTokens: sum.inputTokens,
  outputTokens: sum.outputTokens,
  costUsd: sum.pricedCalls === 0 ? null : toDollars(sum.cost),
  pricedCalls: sum.pricedCalls,
  latencyMs: sum.timedCalls === 0 ? null : Number(sum.micros) / 1000,
})
