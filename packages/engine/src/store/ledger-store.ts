import type { LedgerAmounts, LedgerMeasure, SomeAmounts } from '../ledger/ledger-amounts.ts'
import type { LedgerPeriod, LedgerWindow } from '../ledger/ledger-window.ts'

/** One line of an owner's account. */
export interface LedgerEntry {
  /** Absent for what was used outside a run. */
  readonly runId?: string | undefined
  readonly agent: string
  /** Epoch milliseconds: which windows it belongs to. */
  readonly at: number
  readonly amounts: SomeAmounts
}

/** What is set aside for a step that is about to begin. */
export interface LedgerHold extends LedgerEntry {
  /** Unique among the owner's. */
  readonly holdId: string
  /** Epoch milliseconds after which it no longer counts: whoever made it is gone. */
  readonly expiresAt: number
}

/** One limit of a budget: what an owner, or one agent for them, may use of a measure in a window. */
export interface BudgetLimit {
  readonly window: 'run' | 'hour' | 'day' | 'month'
  /** Absent where it is for all agents together. */
  readonly agent?: string | undefined
  readonly measure: LedgerMeasure
  readonly most: number
}

/** A limit, and how much of it is gone. */
export interface BudgetStanding extends BudgetLimit {
  readonly used: number
  /** Set aside for steps that go on. */
  readonly held: number
}

/** Sums, in all and by agent. */
export interface LedgerSums {
  readonly all: LedgerAmounts
  readonly agents: Readonly<Record<string, LedgerAmounts>>
}

export interface LedgerWindowSums extends LedgerWindow, LedgerSums {}

/** The books of one owner. */
export interface LedgerAccount {
  /** Adds to every window, to the agent and to the run: everywhere, or nowhere. */
  charge(entry: LedgerEntry): Promise<void>

  /**
   * Sets something aside, unless a limit stands against it: then nothing is set aside, and the limit is
   * returned. One step, so that two that come at once cannot both take what is left for one.
   *
   * A limit stands against a step where `used + held + asked > most`. Of what cannot be known beforehand
   * (all but `runs` and `toolCalls`) something must be left, also for a step that asks for nothing.
   */
  hold(hold: LedgerHold, limits: readonly BudgetLimit[]): Promise<BudgetStanding | undefined>

  /** Gives back what was set aside and charges what was used, in one step. A hold that is gone gives nothing back. */
  settle(holdId: string, entry: LedgerEntry): Promise<void>

  /** How much of each limit is gone, at that moment and for that run. */
  standings(
    limits: readonly BudgetLimit[],
    at: number,
    runId?: string,
  ): Promise<readonly BudgetStanding[]>

  /** The window that the moment lies in; zeros where nothing was charged. */
  sums(period: LedgerPeriod, at: number): Promise<LedgerWindowSums>

  /** The windows in which something was charged and that are still kept, newest first. */
  windows(period: LedgerPeriod, limit: number): Promise<readonly LedgerWindowSums[]>

  /** What a run used, or undefined where this owner has none of that id, or it is no longer kept. */
  run(runId: string): Promise<LedgerSums | undefined>
}

/**
 * What owners have used. The owner is taken from the scope (I8), as by every other store; but the account stays
 * usable after it: what was given up is charged until it really ends, and its scope is closed by then.
 */
export interface LedgerStore {
  /** The account of the current owner. Throws `NO_SCOPE`. */
  account(): LedgerAccount
}
