import * as z from 'zod'
import { checkedLimit } from '../../internal/checked-limit.ts'
import { deepFreeze } from '../../internal/deep-freeze.ts'
import type { AuditPage, AuditRecord, AuditStore, NewAuditRecord } from '../../store/audit-store.ts'
import { assertSystem } from '../../system/system-scope.ts'
import type { Database, Row, Sql } from '../database/database.ts'

const lineRow = z.object({ position: z.coerce.number(), record: z.string() })

/**
 * The audit trail in PostgreSQL. The role that the store works as has no rights on its table at all: it can be
 * added to through one function and read through another.
 */
export class PostgresAuditStore implements AuditStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async append(record: NewAuditRecord): Promise<void> {
    await this.#database.transaction(undefined, (sql) => addToTrail(sql, record))
  }

  async read({
    after = -1,
    limit = 100,
  }: {
    readonly after?: number | undefined
    readonly limit?: number | undefined
  } = {}): Promise<AuditPage> {
    assertSystem('inspect')
    checkedLimit('limit', limit, 1)
    const most = Math.min(limit, 1_000)
    const rows = await this.#database.transaction(undefined, (sql) =>
      sql('SELECT position, record FROM read_audit($1, $2)', [after, most + 1]),
    )
    const records = rows.slice(0, most).map(lineOf)
    return rows.length > most ? { records, next: records.at(-1)?.position } : { records }
  }
}

/** Adds a line as a part of somebody's transaction: it is there with what it tells of, or neither is. */
export async function addToTrail(sql: Sql, record: NewAuditRecord): Promise<void> {
  await sql('SELECT append_audit($1)', [JSON.stringify(record)])
}

function lineOf(row: Row): AuditRecord {
  const { position, record } = lineRow.parse(row)
  // Written above, by its type.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return deepFreeze({ ...(JSON.parse(record) as NewAuditRecord), position })
}
