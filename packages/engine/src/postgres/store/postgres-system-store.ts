import type { Owner } from '@ringfence/context'
import * as z from 'zod'
import type {
  ClaimedRun,
  ClaimOptions,
  Forgotten,
  Migrated,
  StoreInspection,
  Swept,
  SystemStore,
} from '../../store/system-store.ts'
import { assertSystem } from '../../system/system-scope.ts'
import type { Database, Sql } from '../database/database.ts'
import { fromKeyText } from '../database/key-text.ts'
import { ownerOfRow } from '../database/owner-of-row.ts'
import { forgetJobs } from '../queue/forget-jobs.ts'
import { migrate } from '../schema/migrate.ts'
import { asOwner, type OwnerSql } from './owner-transaction.ts'
import type { WakeUps } from './wake-ups.ts'

const stored = z.string().transform(fromKeyText)
const claimedRow = z.object({
  tenant: stored,
  user_id: stored,
  run_id: stored,
  agent: stored,
  attempt: z.int(),
})
const count = z.coerce.number()
const sweptRow = z.object({ keys: count, expired: count })
const inspectedRow = z.object({
  owners: count,
  runs: count,
  threads: count,
  approvals: count,
  keys: count,
  accounts: count,
  lines: count,
})

/** What crosses owners in PostgreSQL: each is one function there, and the tables have no other door. */
export class PostgresSystemStore implements SystemStore {
  readonly #database: Database
  readonly #wakeUps: WakeUps

  constructor(database: Database, wakeUps: WakeUps) {
    this.#database = database
    this.#wakeUps = wakeUps
  }

  /** Runs that were executed without the queue by a process that shows no life any more. The queue has its own. */
  async claim({ worker, leaseMs, limit }: ClaimOptions): Promise<readonly ClaimedRun[]> {
    assertSystem('claim')
    const rows = await this.#database.transaction(undefined, (sql) =>
      sql(`SELECT * FROM abandoned_runs($1, $2 * interval '1 millisecond', $3)`, [
        worker,
        leaseMs,
        limit,
      ]),
    )
    return rows.map((row) => {
      const claimed = claimedRow.parse(row)
      const { run_id: runId, agent, attempt } = claimed
      return { owner: ownerOfRow(claimed), runId, agent, attempt }
    })
  }

  async sweep(now: number): Promise<Swept> {
    assertSystem('sweep')
    const [row] = await this.#database.transaction(undefined, (sql) =>
      sql('SELECT * FROM sweep($1, $2)', [now, new Date(now).toISOString()]),
    )
    const { keys, expired } = sweptRow.parse(row)
    if (expired > 0) this.#wakeUps.wakeAll()
    return { idempotencyKeys: keys, approvals: expired }
  }

  async migrate(): Promise<Migrated> {
    assertSystem('migrate')
    return migrate(this.#database)
  }

  async inspect(): Promise<StoreInspection> {
    assertSystem('inspect')
    const [row] = await this.#database.transaction(undefined, (sql) =>
      sql('SELECT * FROM inspect()'),
    )
    const { owners, runs, threads, approvals, keys, accounts, lines } = inspectedRow.parse(row)
    return {
      owners,
      runs,
      threads,
      approvals,
      idempotencyKeys: keys,
      ledgerAccounts: accounts,
      auditRecords: lines,
    }
  }

  async forget(owner: Owner): Promise<Forgotten> {
    assertSystem('forget')
    const all = async ({ key, sql }: OwnerSql): Promise<Omit<Forgotten, 'jobs'>> => ({
      events: await remove(sql, key, 'events'),
      runs: await remove(sql, key, 'runs'),
      messages: await remove(sql, key, 'messages'),
      threads: await remove(sql, key, 'threads'),
      approvals: await remove(sql, key, 'approvals'),
      idempotencyKeys: await remove(sql, key, 'idempotency_keys'),
      ledgerAccounts: await removeBooks(sql, key),
    })
    const forgotten = await asOwner(this.#database, owner, all, true)
    const jobs = await forgetJobs(this.#database, owner)
    this.#wakeUps.wakeAll()
    return { ...forgotten, jobs }
  }
}

type Key = readonly [string, string]

async function remove(sql: Sql, key: Key, table: string): Promise<number> {
  const [row] = await sql(
    `WITH gone AS (DELETE FROM ${table} WHERE tenant = $1 AND user_id = $2 RETURNING 1)
    SELECT count(*)::integer AS gone FROM gone`,
    key,
  )
  return z.object({ gone: z.int() }).parse(row).gone
}

async function removeBooks(sql: Sql, key: Key): Promise<number> {
  await remove(sql, key, 'ledger_holds')
  await remove(sql, key, 'ledger_sums')
  return remove(sql, key, 'ledger_accounts')
}
