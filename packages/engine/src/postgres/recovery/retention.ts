import { isOutside } from '@ringfence/context'
import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import { runAsSystem } from '../../system/system-scope.ts'
import type { Sql } from '../database/database.ts'
import type { PostgresStore } from '../store/postgres-store.ts'

/** How long things are kept, in milliseconds since they last changed. What is not named is kept. */
export interface Retention {
  /** Runs that have ended, with their events, approvals and ledger. */
  readonly runsMs?: number | undefined
  /** Events of runs that have ended, but for the last; a cursor before it gets `CURSOR_EVICTED`. */
  readonly eventsMs?: number | undefined
  readonly threadsMs?: number | undefined
  readonly auditMs?: number | undefined
}

/** What was removed. */
export interface Retired {
  readonly runs: number
  readonly events: number
  readonly threads: number
  readonly approvals: number
  readonly ledgerWindows: number
  readonly auditRecords: number
}

const ms = z
  .int()
  .min(0)
  .max(100 * 366 * 86_400_000)
  .optional()
const checked = z.strictObject({ runsMs: ms, eventsMs: ms, threadsMs: ms, auditMs: ms })
const count = z.coerce.number()
const retiredRow = z.object({
  runs: count,
  events: count,
  threads: count,
  approvals: count,
  windows: count,
  lines: count,
})

/**
 * Removes what has been kept long enough, of everybody: for a job. Never a run that goes on. Leaves its line on the
 * audit trail. Throws `SYSTEM_ONLY` inside anybody's scope, and an error of the schema for a time that is none.
 */
export async function applyRetention(store: PostgresStore, retention: Retention): Promise<Retired> {
  if (!isOutside()) {
    throw new EngineError(
      'SYSTEM_ONLY',
      'Retention crosses owners: run it from a job, outside every scope.',
    )
  }
  const { runsMs, eventsMs, threadsMs, auditMs } = checked.parse(retention)
  const before = (age: number | undefined): string | null =>
    age === undefined ? null : new Date(Date.now() - age).toISOString()
  return runAsSystem('sweep', async () => {
    const ages = [before(runsMs), before(eventsMs), before(threadsMs), before(auditMs)]
    const retire = (sql: Sql): ReturnType<Sql> => sql('SELECT * FROM retire($1, $2, $3, $4)', ages)
    const [row] = await store.parts.database.transaction(undefined, retire, true)
    const { windows, lines, ...gone } = retiredRow.parse(row)
    const retired = { ...gone, ledgerWindows: windows, auditRecords: lines }
    await store.audit.append({
      actor: { kind: 'system', name: 'retention' },
      action: 'sweep',
      resource: { type: 'store' },
      outcome: 'done',
      counts: retired,
      at: new Date().toISOString(),
    })
    return retired
  })
}
