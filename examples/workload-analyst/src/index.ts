// The analysis: prices, pace and rows of one run, and its five stages in order.
export { type Analysis, type AnalysisOptions, createAnalysis } from './analysis.ts'
export { analyze } from './analyze.ts'
export { createPace, type Pace, type PaceOptions } from './pace.ts'
export {
  type TriageInput,
  triage,
  triageInput,
  type TriageOutput,
  triageOutput,
} from './stages/triage.ts'
export {
  data,
  type DataInput,
  dataInput,
  type DataOutput,
  dataOutput,
  type Latency,
  type Totals,
} from './stages/data.ts'
export {
  optimization,
  type OptimizationInput,
  optimizationInput,
  type OptimizationOutput,
  optimizationOutput,
} from './stages/optimization.ts'
export {
  type Action,
  actions,
  type ActionsInput,
  actionsInput,
  type ActionsOutput,
  actionsOutput,
} from './stages/actions.ts'
export { reporting, type ReportingInput, reportingInput } from './stages/reporting.ts'
export { type WorkloadResult, workloadResult } from './result.ts'

// What the result is made of.
export { type Finding, type FindingGroup, type FindingId, findingIds } from './findings/finding.ts'
export { findingRules } from './findings/rules.ts'
export type { CallsPerMinute, SeriesPoint } from './statistics/calls-per-minute.ts'
export type { Percentiles } from './statistics/percentiles.ts'
export type { Spend } from './statistics/spend.ts'
export { displayName } from './report/display-name.ts'
export { escapeMarkdown } from './report/markdown.ts'

// Logs, prices and samples.
export { readLog } from './log/read-log.ts'
export { UnreadableLogError } from './log/unreadable-log-error.ts'
export type { Workload } from './log/workload.ts'
export {
  InvalidPricesError,
  type ModelPrice,
  type PriceTable,
  readPrices,
} from './prices/price-table.ts'
export {
  generateSampleCalls,
  generateSampleLog,
  type SampleLogOptions,
} from './sample/generate-sample-log.ts'
export { sampleProfileNames, type SampleProfileName } from './sample/profiles.ts'
export type { SampleCall } from './sample/sample-call.ts'
