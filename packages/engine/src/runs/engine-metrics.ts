import type { EngineErrorCode } from '../errors/engine-error.ts'
import type { FactoryMetrics } from '../instances/instance-metrics.ts'
import type { RunTotals } from '../statistics/run-statistics.ts'

/** What an engine has done since it was made. Names nobody. */
export interface EngineMetrics {
  /** Runs of all owners. */
  readonly runs: RunTotals
  /** Starts that came to nothing, by the code that they were refused with: only the codes that there were. */
  readonly refused: Readonly<Partial<Record<EngineErrorCode, number>>>
  /** Owners whose statistics are kept. */
  readonly owners: number
  readonly instances: FactoryMetrics
}
