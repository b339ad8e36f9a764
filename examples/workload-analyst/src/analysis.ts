import type { Workload } from './log/workload.ts'
import { createPace, type Pace, type PaceOptions } from './pace.ts'
import type { PriceTable } from './prices/price-table.ts'

/** What an analysis is made with. */
export interface AnalysisOptions extends PaceOptions {
  readonly prices: PriceTable
}

/**
 * What the five stages of one analysis share beside their results: the prices, the pace, and the
 * rows of the log. It lives in the process as long as the run that made it and is never serialised;
 * the stages' inputs and outputs are plain JSON.
 */
export interface Analysis {
  readonly prices: PriceTable
  readonly pace: Pace
  /** The rows that triage read. Throws an Error before that. */
  readonly workload: Workload
  /** Keeps the rows for the later stages. Throws an Error where it has some: one analysis, one log. */
  keep(workload: Workload): void
}

/** Makes what one analysis shares. Make one for each run: it belongs to the run's owner. */
export const createAnalysis = ({ prices, ...pace }: AnalysisOptions): Analysis => {
  let kept: Workload | undefined
  return {
    prices,
    pace: createPace(pace),
    get workload() {
      if (kept === undefined) throw new Error('No log has been read: triage comes first.')
      return kept
    },
    keep(workload) {
      if (kept !== undefined) throw new Error('A log has been read: one analysis reads one log.')
      kept = workload
    },
  }
}
