import type { UserContext } from '@ringfence/context'
import type { BudgetLimit, BudgetStanding } from '../store/ledger-store.ts'
import { EngineError } from '../errors/engine-error.ts'
import { checkedObject } from '../internal/checked-option.ts'
import { checkedAmounts, type SomeAmounts } from './ledger-amounts.ts'
import { windowAt } from './ledger-window.ts'

/** At most so much of each. What is not named is not limited. */
export type Budget = SomeAmounts

/** Budgets by the window they are for: one run, or an hour, a day, a month in UTC. */
export interface BudgetWindows {
  readonly run?: Budget | undefined
  readonly hour?: Budget | undefined
  readonly day?: Budget | undefined
  readonly month?: Budget | undefined
}

/** What each owner may use. Hard: checked before each step, and set aside for it (I9). */
export interface BudgetOptions {
  /** All agents together. */
  readonly owner?: BudgetWindows | undefined
  /** One agent, by its name. */
  readonly agents?: Readonly<Record<string, BudgetWindows>> | undefined
  /** What is set aside for a model step that does not say what it will use. Default: 4,096 output tokens. */
  readonly modelStep?: Budget | undefined
}

/** The same for all, or by the context of the run's owner: their plan, their roles. Synchronous. */
export type BudgetSource = BudgetOptions | ((context: UserContext) => BudgetOptions)

export interface ResolvedBudgets {
  readonly limits: readonly BudgetLimit[]
  readonly modelStep: Budget
}

const windowNames = ['run', 'hour', 'day', 'month'] as const
const names = new Set(['owner', 'agents', 'modelStep'])
const defaultStep: Budget = Object.freeze({ outputTokens: 4_096 })

export const noBudgets: ResolvedBudgets = Object.freeze({ limits: [], modelStep: defaultStep })

/** Each limit by itself. Throws TypeError for a budget that is none. */
export function resolveBudgets(options: BudgetOptions): ResolvedBudgets {
  if (options instanceof Promise) {
    throw new TypeError('Expected `budgets` to be there at once, got a promise')
  }
  for (const name of Object.keys(checkedObject('`budgets`', options))) {
    if (!names.has(name)) throw new TypeError(`There is no budget option \`${name}\``)
  }
  const { owner, agents = {}, modelStep } = options
  checkedObject('`budgets.agents`', agents)
  const limits = [
    ...limitsOf('budgets.owner', owner, undefined),
    ...Object.entries(agents).flatMap(([agent, windows]) =>
      limitsOf(`budgets.agents.${agent}`, windows, agent),
    ),
  ]
  return Object.freeze({
    limits: Object.freeze(limits),
    modelStep:
      modelStep === undefined ? defaultStep : checkedAmounts('budgets.modelStep', modelStep),
  })
}

function limitsOf(
  subject: string,
  windows: BudgetWindows | undefined,
  agent: string | undefined,
): readonly BudgetLimit[] {
  if (windows === undefined) return []
  for (const name of Object.keys(checkedObject(subject, windows))) {
    if (!windowNames.some((known) => known === name)) {
      throw new TypeError(`There is no window \`${name}\` for ${subject}: run, hour, day or month`)
    }
  }
  return windowNames.flatMap((window) =>
    Object.entries(checkedAmounts(`${subject}.${window}`, windows[window] ?? {})).map(
      ([measure, most]) =>
        // The amounts were checked by name.
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        Object.freeze({ window, agent, measure, most }) as BudgetLimit,
    ),
  )
}

const whenHeldMs = 1_000

/** What a step fails with that a limit stands against. */
export function budgetExceeded(standing: BudgetStanding, now: number): EngineError {
  const { window, agent, measure, most, used, held } = standing
  const whose = agent === undefined ? 'your' : `the agent "${agent}"'s`
  const heldText = held === 0 ? '' : `, ${held} set aside for what is going on`
  const retryAfterMs = retryAfter(standing, now)
  return new EngineError(
    'BUDGET_EXCEEDED',
    `Of ${whose} budget of ${most} ${measure} per ${window} not enough is left: ${used} used${heldText}.`,
    retryAfterMs === undefined ? {} : { retryAfterMs },
  )
}

function retryAfter({ window, most, used, held }: BudgetStanding, now: number): number | undefined {
  if (held > 0 && used < most) return whenHeldMs
  return window === 'run' ? undefined : Math.max(1, windowAt(window, now).until - now)
}
