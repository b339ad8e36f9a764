import { checkedLimit } from '../internal/checked-limit.ts'
import { checkedNames } from '../internal/checked-option.ts'
import { withoutUndefined } from '../internal/without-undefined.ts'
import type { EngineLimits } from '../limits.ts'
import type { EngineLogger } from '../logger.ts'
import { RecentDurations, type DurationSummary } from '../statistics/recent-durations.ts'
import { ToolCounts, type ToolMetrics } from './tool-metrics.ts'

/** How long it may take; what takes longer is counted, and the log hears of it. Whole milliseconds. */
export interface InstanceTargets {
  /** Making an instance. Default 10. */
  readonly creationMs: number
  /** An agent's own `dispose`. Default 2. */
  readonly disposalMs: number
}

/** The most recent durations, beside what was aimed at. */
export interface TargetedDurations extends DurationSummary {
  readonly targetMs: number
  /** How many took longer than that, ever. */
  readonly overTarget: number
}

/** How many instances there were and are, and how long making and disposing them takes. Names nobody. */
export interface FactoryMetrics {
  /** Agent instances that were made. */
  readonly created: number
  /** Those whose scope has not closed. */
  readonly active: number
  /** The most that there were at once. */
  readonly peak: number
  /** Those whose scope has closed. */
  readonly disposed: number
  /** Attempts to make one that threw. */
  readonly failed: number
  /** Times that an agent's `dispose` threw. */
  readonly disposeFailures: number
  /** Making an instance, of the most recent 1,000. */
  readonly creation: TargetedDurations
  /** Agents' own `dispose`, of the most recent 1,000. An agent without one is not measured. */
  readonly disposal: TargetedDurations
  /** Between making an instance and its end, of the most recent 1,000 that have ended. */
  readonly lifetime: DurationSummary
  /** What the instances' agents called. */
  readonly tools: ToolMetrics
  /** The limits that instances execute under. */
  readonly limits: EngineLimits
}

export interface InstanceMetricsOptions {
  readonly limits: EngineLimits
  readonly targets?: Partial<InstanceTargets> | undefined
  readonly logger?: EngineLogger | undefined
  /** Milliseconds that only ever grow. Default: `performance.now`. */
  readonly clock?: (() => number) | undefined
}

const kept = 1_000

/** Counts what a factory does. One for all users: nothing in it is anybody's. */
export class InstanceMetrics {
  readonly clock: () => number
  readonly tools: ToolCounts = new ToolCounts()
  readonly #limits: EngineLimits
  readonly #creation: Gauge
  readonly #disposal: Gauge
  readonly #lifetime = new RecentDurations(kept)
  #created = 0
  #peak = 0
  #disposed = 0
  #failed = 0
  #disposeFailures = 0

  /** Throws TypeError for a target that is none. */
  constructor({ limits, targets, logger, clock }: InstanceMetricsOptions) {
    const usual = { creationMs: 10, disposalMs: 2 }
    const aims = { ...usual, ...withoutUndefined(targets ?? {}) }
    checkedNames('`targets`', aims, usual)
    for (const [name, value] of Object.entries(aims)) checkedLimit(`targets.${name}`, value, 0)
    this.clock = clock ?? (() => performance.now())
    this.#limits = limits
    this.#creation = new Gauge('creation', aims.creationMs, logger)
    this.#disposal = new Gauge('disposal', aims.disposalMs, logger)
  }

  /** An instance was made. Returns when. */
  made(since: number): number {
    const now = this.clock()
    this.#created += 1
    this.#peak = Math.max(this.#peak, this.#created - this.#disposed)
    this.#creation.add(now - since)
    return now
  }

  failedToMake(): void {
    this.#failed += 1
  }

  /** The instance that was made then has ended. */
  disposed(madeAt: number): void {
    this.#disposed += 1
    this.#lifetime.add(this.clock() - madeAt)
  }

  /** An agent's `dispose` has ended. */
  cleanedUpIn(ms: number, failed: boolean): void {
    if (failed) this.#disposeFailures += 1
    this.#disposal.add(ms)
  }

  read(): FactoryMetrics {
    return {
      created: this.#created,
      active: this.#created - this.#disposed,
      peak: this.#peak,
      disposed: this.#disposed,
      failed: this.#failed,
      disposeFailures: this.#disposeFailures,
      creation: this.#creation.read(),
      disposal: this.#disposal.read(),
      lifetime: this.#lifetime.summary(),
      tools: this.tools.read(),
      limits: this.#limits,
    }
  }
}

/** Durations beside a target. */
class Gauge {
  readonly #durations = new RecentDurations(kept)
  readonly #subject: string
  readonly #targetMs: number
  readonly #logger: EngineLogger | undefined
  #overTarget = 0

  constructor(subject: string, targetMs: number, logger: EngineLogger | undefined) {
    this.#subject = subject
    this.#targetMs = targetMs
    this.#logger = logger
  }

  add(ms: number): void {
    this.#durations.add(ms)
    if (ms <= this.#targetMs) return
    this.#overTarget += 1
    // The 1st, 2nd, 4th, 8th...: a slow machine must not fill the log.
    if ((this.#overTarget & (this.#overTarget - 1)) !== 0) return
    this.#logger?.warn(
      { subject: this.#subject, ms, targetMs: this.#targetMs, overTarget: this.#overTarget },
      `an instance's ${this.#subject} took longer than it should`,
    )
  }

  read(): TargetedDurations {
    return {
      ...this.#durations.summary(),
      targetMs: this.#targetMs,
      overTarget: this.#overTarget,
    }
  }
}
