import { currentScope, type Owner } from '@ringfence/context'
import * as z from 'zod'
import { checkedLimit } from '../../internal/checked-limit.ts'
import {
  ledgerMeasures,
  noAmounts,
  type LedgerAmounts,
  type LedgerMeasure,
  type SomeAmounts,
} from '../../ledger/ledger-amounts.ts'
import { windowAt, type LedgerPeriod } from '../../ledger/ledger-window.ts'
import type {
  BudgetLimit,
  BudgetStanding,
  LedgerAccount,
  LedgerEntry,
  LedgerHold,
  LedgerStore,
  LedgerSums,
  LedgerWindowSums,
} from '../../store/ledger-store.ts'
import { notFound } from '../../store/not-found.ts'
import type { Database, Row } from '../database/database.ts'
import { fromKeyText, toKeyText } from '../database/key-text.ts'
import { isForgotten } from './forgotten-run.ts'
import type { HeldAttempts } from './held-attempts.ts'
import { asOwner, type OwnerSql } from './owner-transaction.ts'

const periods: readonly LedgerPeriod[] = ['hour', 'day', 'month', 'total']

/** What is known beforehand: a step that asks for none of it uses none. */
const counted = new Set<LedgerMeasure>(['runs', 'toolCalls'])

const measures = ledgerMeasures.map((measure) => `"${measure}"`)
const sumColumns = ledgerMeasures
  .map((measure) => `"${measure}"::double precision AS "${measure}"`)
  .join(', ')

/** What owners have used, in PostgreSQL. */
export class PostgresLedgerStore implements LedgerStore {
  readonly #database: Database
  readonly #attempts: HeldAttempts

  constructor(database: Database, attempts: HeldAttempts) {
    this.#database = database
    this.#attempts = attempts
  }

  account(): LedgerAccount {
    const { owner } = currentScope()
    const books = <Result>(work: (statements: OwnerSql) => Promise<Result>): Promise<Result> =>
      asOwner(this.#database, ownerOnly(owner), work)
    // Set once it has written something: then its owner has books.
    let opened = false
    const write = async <Result>(
      work: (statements: OwnerSql) => Promise<Result>,
    ): Promise<Result> => {
      const result = await books(work)
      opened = true
      return result
    }
    // What is still used once its owner was forgotten, from another process, is nobody's: of a run that was taken from the queue,
    // and of what was given up and goes on when its run has ended.
    const forgotten = async (statements: OwnerSql, runId: string | undefined): Promise<boolean> =>
      (await isForgotten(this.#attempts, statements, runId)) ||
      (opened && !(await hasBooks(statements)))
    return Object.freeze<LedgerAccount>({
      charge: (entry) =>
        write(async (statements) => {
          if (!(await forgotten(statements, entry.runId))) await charge(statements, entry)
        }),
      hold: (hold, limits) =>
        write(async (statements) => {
          if (await forgotten(statements, hold.runId)) throw notFound(hold.runId ?? '')
          return setAside(statements, hold, limits)
        }),
      settle: (holdId, entry) =>
        write(async (statements) => {
          if (await forgotten(statements, entry.runId)) return
          const { key, sql } = statements
          await sql(
            'DELETE FROM ledger_holds WHERE tenant = $1 AND user_id = $2 AND hold_id = $3',
            [...key, toKeyText(holdId)],
          )
          await charge(statements, entry)
        }),
      standings: (limits, at, runId) =>
        books((statements) => standingsOf(statements, limits, at, runId)),
      sums: (period, at) =>
        books(async (statements) => {
          const window = windowAt(period, at)
          return { ...window, ...(await sumsOf(statements, period, window.from, '')) }
        }),
      windows: async (period, limit) => {
        checkedLimit('limit', limit, 1)
        return books((statements) => newestWindows(statements, period, limit))
      },
      run: (runId) =>
        books(async (statements) => {
          const { all, agents, found } = await sumsOf(statements, 'run', 0, runId)
          return found ? { all, agents } : undefined
        }),
    })
  }
}

/** Whether anything is kept of what the owner has used. It stays until the end of the transaction, or goes with what is written now. */
async function hasBooks({ key, sql }: OwnerSql): Promise<boolean> {
  const [row] = await sql(
    'SELECT 1 FROM ledger_accounts WHERE tenant = $1 AND user_id = $2 FOR KEY SHARE',
    key,
  )
  return row !== undefined
}

/** What an account keeps of a scope: whose it is. */
function ownerOnly({ tenantId, userId }: Owner): Owner {
  return tenantId === undefined ? { userId } : { tenantId, userId }
}

/** The owner's books, for one transaction at a time: whoever sets something aside must see what others have. */
async function lock({ key, sql }: OwnerSql): Promise<void> {
  await sql(
    `INSERT INTO ledger_accounts (tenant, user_id) VALUES ($1, $2)
    ON CONFLICT (tenant, user_id) DO UPDATE SET changed_on = now()`,
    key,
  )
}

/** Beyond what a number can count exactly a sum stays where it is: never back to little. */
const saturated = measures
  .map(
    (column) =>
      `${column} = least(${Number.MAX_SAFE_INTEGER}, ledger_sums.${column} + excluded.${column})`,
  )
  .join(', ')

async function charge(
  statements: OwnerSql,
  { runId, agent, at, amounts }: LedgerEntry,
): Promise<void> {
  const { key, sql } = statements
  await lock(statements)
  const books = periods.map((period) => [period, windowAt(period, at).from, ''] as const)
  const all = runId === undefined ? books : [...books, ['run', 0, runId] as const]
  await sql(
    `INSERT INTO ledger_sums (tenant, user_id, period, from_ms, run_id, whole, agent, ${measures.join(', ')})
    SELECT $1, $2, book.period, book.from_ms, book.run_id, part.whole, CASE WHEN part.whole THEN '' ELSE $6 END,
      ${ledgerMeasures.map((_, index) => `$${index + 7}::bigint`).join(', ')}
    FROM unnest($3::text[], $4::double precision[], $5::text[]) AS book (period, from_ms, run_id)
    CROSS JOIN (VALUES (true), (false)) AS part (whole)
    ON CONFLICT (tenant, user_id, period, from_ms, run_id, whole, agent) DO UPDATE SET ${saturated}, changed_on = now()`,
    [
      ...key,
      all.map(([period]) => period),
      all.map(([, from]) => from),
      all.map(([, , run]) => toKeyText(run)),
      toKeyText(agent),
      ...ledgerMeasures.map((measure) => amounts[measure] ?? 0),
    ],
  )
}

async function setAside(
  statements: OwnerSql,
  hold: LedgerHold,
  limits: readonly BudgetLimit[],
): Promise<BudgetStanding | undefined> {
  const { key, sql } = statements
  await lock(statements)
  await sql('DELETE FROM ledger_holds WHERE tenant = $1 AND user_id = $2 AND expires_at <= $3', [
    ...key,
    hold.at,
  ])
  const concerned = limits.filter(({ agent }) => agent === undefined || agent === hold.agent)
  const standings = await standingsOf(statements, concerned, hold.at, hold.runId)
  const against = standings.find((standing) => {
    const asked = hold.amounts[standing.measure] ?? 0
    const least = counted.has(standing.measure) ? asked : Math.max(asked, 1)
    return least > standing.most - standing.used - standing.held
  })
  if (against !== undefined) return against
  if (!Object.values(hold.amounts).some((amount) => amount !== undefined && amount > 0)) {
    return undefined
  }
  await sql(
    `INSERT INTO ledger_holds (tenant, user_id, hold_id, run_id, agent, expires_at, amounts)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (tenant, user_id, hold_id) DO UPDATE SET expires_at = excluded.expires_at, amounts = excluded.amounts`,
    [
      ...key,
      toKeyText(hold.holdId),
      hold.runId === undefined ? null : toKeyText(hold.runId),
      toKeyText(hold.agent),
      hold.expiresAt,
      JSON.stringify(hold.amounts),
    ],
  )
  return undefined
}

const amountsSchema = z.partialRecord(z.enum(ledgerMeasures), z.number())
const holdRow = z.object({
  run_id: z.string().nullable(),
  agent: z.string(),
  amounts: z.string(),
})

interface Held {
  readonly runId: string | null
  readonly agent: string
  readonly amounts: SomeAmounts
}

async function standingsOf(
  statements: OwnerSql,
  limits: readonly BudgetLimit[],
  at: number,
  runId: string | undefined,
): Promise<readonly BudgetStanding[]> {
  const { key, sql } = statements
  const rows = await sql(
    `SELECT run_id, agent, amounts FROM ledger_holds
    WHERE tenant = $1 AND user_id = $2 AND expires_at > $3`,
    [...key, at],
  )
  const holds = rows.map((row): Held => {
    const { run_id, agent, amounts } = holdRow.parse(row)
    return {
      runId: run_id === null ? null : fromKeyText(run_id),
      agent: fromKeyText(agent),
      amounts: amountsSchema.parse(JSON.parse(amounts)),
    }
  })
  const standings: BudgetStanding[] = []
  for (const limit of limits) {
    const { window, agent, measure } = limit
    const held = holds
      .filter((hold) => window !== 'run' || hold.runId === (runId ?? null))
      .filter((hold) => agent === undefined || hold.agent === agent)
      .reduce((sum, { amounts }) => sum + (amounts[measure] ?? 0), 0)
    const [from, run] = window === 'run' ? [0, runId ?? ''] : [windowAt(window, at).from, '']
    const { all, agents } = await sumsOf(statements, window, from, run)
    const used = (agent === undefined ? all : (agents[agent] ?? noAmounts))[measure]
    standings.push(Object.freeze({ ...limit, used, held }))
  }
  return standings
}

const sumRow = z.object({
  whole: z.boolean(),
  agent: z.string().transform(fromKeyText),
  ...Object.fromEntries(ledgerMeasures.map((measure) => [measure, z.number()])),
})

/** The sums of one book; zeros where nothing was charged. */
async function sumsOf(
  { key, sql }: OwnerSql,
  period: LedgerPeriod | 'run',
  from: number,
  runId: string,
): Promise<LedgerSums & { readonly found: boolean }> {
  const rows = await sql(
    `SELECT whole, agent, ${sumColumns} FROM ledger_sums
    WHERE tenant = $1 AND user_id = $2 AND period = $3 AND from_ms = $4 AND run_id = $5`,
    [...key, period, from, toKeyText(runId)],
  )
  let all = noAmounts
  const agents: Record<string, LedgerAmounts> = {}
  for (const row of rows) {
    const { whole, agent } = sumRow.parse(row)
    if (whole) all = amountsOf(row)
    else agents[agent] = amountsOf(row)
  }
  return { all, agents, found: rows.length > 0 }
}

function amountsOf(row: Row): LedgerAmounts {
  const amounts: { -readonly [Measure in LedgerMeasure]: number } = { ...noAmounts }
  for (const measure of ledgerMeasures) amounts[measure] = z.number().parse(row[measure])
  return Object.freeze(amounts)
}

async function newestWindows(
  statements: OwnerSql,
  period: LedgerPeriod,
  limit: number,
): Promise<readonly LedgerWindowSums[]> {
  const { key, sql } = statements
  const rows = await sql(
    `SELECT DISTINCT from_ms FROM ledger_sums WHERE tenant = $1 AND user_id = $2 AND period = $3
    ORDER BY from_ms DESC LIMIT $4`,
    [...key, period, Math.min(limit, 1_000)],
  )
  const windows: LedgerWindowSums[] = []
  for (const row of rows) {
    const window = windowAt(period, z.object({ from_ms: z.number() }).parse(row).from_ms)
    const { all, agents } = await sumsOf(statements, period, window.from, '')
    windows.push({ ...window, all, agents })
  }
  return windows
}
