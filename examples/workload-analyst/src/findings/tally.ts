import type { Workload } from '../log/workload.ts'
import { type PicoDollars, toDollars } from '../money.ts'
import type { Pace } from '../pace.ts'
import { displayName } from '../report/display-name.ts'
import { count, formatCount, formatUsd } from '../report/format.ts'
import { firstFew } from '../statistics/first-few.ts'
import type { Finding } from './finding.ts'

/** What one call would save. */
export interface Saving {
  /** Null where the price is not known. */
  readonly amount: PicoDollars | null
  readonly tokens: number
  /** The name under which the call is listed; empty for none. */
  readonly group: string
}

/** Adds up what the calls of one finding would save. */
export interface Tally {
  add(row: number, saving: Saving): void
  readonly calls: number
  readonly pricedCalls: number
  /** Null where no call has a price. */
  readonly savingUsd: number | null
  readonly tokens: number
  /** The finding; undefined where it would save nothing. */
  toFinding(
    text: Pick<Finding, 'id' | 'title' | 'detail' | 'computation'>,
    search: { readonly workload: Pick<Workload, 'lines'>; readonly pace: Pace },
  ): Promise<Finding | undefined>
}

interface Sums {
  calls: number
  pricedCalls: number
  amount: PicoDollars
  tokens: number
}

const most = 5

const addTo = (sums: Sums, { amount, tokens }: Saving): void => {
  sums.calls += 1
  sums.tokens += tokens
  sums.amount += amount ?? 0n
  if (amount !== null) sums.pricedCalls += 1
}

const largestFirst = ([a, x]: [string, Sums], [b, y]: [string, Sums]): number =>
  Number(y.pricedCalls > 0) - Number(x.pricedCalls > 0) ||
  Number(y.amount > x.amount) - Number(y.amount < x.amount) ||
  y.tokens - x.tokens ||
  (a < b ? -1 : 1)

const noSums = (): Sums => ({ calls: 0, pricedCalls: 0, amount: 0n, tokens: 0 })

const savingOf = (sums: Sums): { savingUsd: number | null; savingTokens: number } => ({
  savingUsd: sums.pricedCalls === 0 ? null : toDollars(sums.amount),
  savingTokens: sums.tokens,
})

/** What the tokens of a tally are worth, in words. */
export const worth = (tally: Tally): string =>
  tally.savingUsd === null
    ? 'whose price is not known'
    : `worth ${formatUsd(tally.savingUsd)} over the ${formatCount(tally.pricedCalls)} of ${count(tally.calls, 'call')} whose price is known`

/**
 * Makes the tally of one finding. `largest` keeps, over all findings, the largest saving of each
 * call, so that a call that shows up twice is counted once.
 */
export const createTally = (largest: Map<number, PicoDollars>): Tally => {
  const all = noSums()
  const groups = new Map<string, Sums>()
  let firstRows: number[] = []
  return {
    get calls() {
      return all.calls
    },
    get pricedCalls() {
      return all.pricedCalls
    },
    get savingUsd() {
      return savingOf(all).savingUsd
    },
    get tokens() {
      return all.tokens
    },
    add(row, saving) {
      addTo(all, saving)
      let group = groups.get(saving.group)
      if (group === undefined) groups.set(saving.group, (group = noSums()))
      addTo(group, saving)
      if (firstRows.length < most || row < (firstRows.at(-1) ?? 0)) {
        firstRows = [...firstRows, row].toSorted((a, b) => a - b).slice(0, most)
      }
      if (saving.amount !== null && saving.amount > (largest.get(row) ?? -1n)) {
        largest.set(row, saving.amount)
      }
    },
    async toFinding(text, { workload, pace }) {
      if (all.amount === 0n && all.tokens === 0) return undefined
      const listed = await firstFew(groups, most, largestFirst, pace)
      return {
        ...text,
        ...savingOf(all),
        evidence: {
          calls: all.calls,
          pricedCalls: all.pricedCalls,
          lines: firstRows.map((row) => workload.lines[row] ?? 0),
          groups: listed.map(([name, sums]) => ({
            name: name === '' ? null : displayName(name),
            calls: sums.calls,
            ...savingOf(sums),
          })),
        },
      }
    },
  }
}
