import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'
import { resolveStoreLimits } from '../../internal/resolve-store-limits.ts'
import type {
  IdempotencyClaim,
  IdempotencyRecord,
  IdempotencyStore,
} from '../../store/idempotency-store.ts'
import type { Database } from '../database/database.ts'
import { fromKeyText, toKeyText } from '../database/key-text.ts'
import { asCurrentOwner, oneAtATime, type OwnerSql } from './owner-transaction.ts'

/** How many keys are kept. A key that has not expired is never forgotten: it is a promise. */
export interface PostgresIdempotencyStoreLimits {
  /** Keys of one owner. One more is refused with `IDEMPOTENCY_LIMIT`. Default 1,000. */
  readonly keysPerOwner: number
}

const defaults: PostgresIdempotencyStoreLimits = Object.freeze({ keysPerOwner: 1_000 })

const ofKey = 'tenant = $1 AND user_id = $2 AND agent = $3 AND key = $4'
const stands = 'expires_at > $5 AND (confirmed OR lease_until > $5)'

const recordRow = z.object({
  run_id: z.string().transform(fromKeyText),
  input_hash: z.string().transform(fromKeyText),
  confirmed: z.boolean(),
  lease_until: z.number(),
  expires_at: z.number(),
})

/** Which run an owner's key has started, in PostgreSQL: one for all processes. */
export class PostgresIdempotencyStore implements IdempotencyStore {
  readonly #database: Database
  readonly #limits: PostgresIdempotencyStoreLimits

  constructor(database: Database, limits: Partial<PostgresIdempotencyStoreLimits> = {}) {
    this.#database = database
    this.#limits = resolveStoreLimits(defaults, limits)
  }

  async claim(claim: IdempotencyClaim): Promise<IdempotencyRecord> {
    const { agent, key: name, inputHash, runId, now, leaseUntil, expiresAt } = claim
    return asCurrentOwner(this.#database, async (statements) => {
      await oneAtATime(statements, 'idempotency')
      const { key, sql } = statements
      const where = [...key, toKeyText(agent), toKeyText(name), now]
      const [known] = await sql(
        `SELECT *, ${stands} AS stands FROM idempotency_keys WHERE ${ofKey}`,
        where,
      )
      if (known?.['stands'] === true) return recordOf(known)
      if (known === undefined) await this.#makeRoom(statements, now)
      const [taken] = await sql(
        `INSERT INTO idempotency_keys
          (tenant, user_id, agent, key, run_id, input_hash, confirmed, lease_until, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, false, $7, $8)
        ON CONFLICT (tenant, user_id, agent, key) DO UPDATE SET run_id = excluded.run_id,
          input_hash = excluded.input_hash, confirmed = false,
          lease_until = excluded.lease_until, expires_at = excluded.expires_at
        RETURNING *`,
        [
          ...key,
          toKeyText(agent),
          toKeyText(name),
          toKeyText(runId),
          toKeyText(inputHash),
          leaseUntil,
          expiresAt,
        ],
      )
      return recordOf(taken ?? {})
    })
  }

  async confirm(agent: string, name: string, claimed: string, runId: string): Promise<void> {
    await asCurrentOwner(this.#database, ({ key, sql }) =>
      sql(
        `UPDATE idempotency_keys SET run_id = $6, confirmed = true WHERE ${ofKey} AND run_id = $5`,
        [...key, ...[agent, name, claimed, runId].map(toKeyText)],
      ),
    )
  }

  async release(agent: string, name: string, runId: string): Promise<void> {
    await asCurrentOwner(this.#database, ({ key, sql }) =>
      sql(`DELETE FROM idempotency_keys WHERE ${ofKey} AND run_id = $5`, [
        ...key,
        ...[agent, name, runId].map(toKeyText),
      ]),
    )
  }

  async #makeRoom({ key, sql }: OwnerSql, now: number): Promise<void> {
    const kept = async (): Promise<number> => {
      const [row] = await sql(
        'SELECT count(*)::integer AS kept FROM idempotency_keys WHERE tenant = $1 AND user_id = $2',
        key,
      )
      return z.object({ kept: z.int() }).parse(row).kept
    }
    if ((await kept()) < this.#limits.keysPerOwner) return
    await sql(
      `DELETE FROM idempotency_keys WHERE tenant = $1 AND user_id = $2
        AND NOT (expires_at > $3 AND (confirmed OR lease_until > $3))`,
      [...key, now],
    )
    if ((await kept()) < this.#limits.keysPerOwner) return
    throw new EngineError(
      'IDEMPOTENCY_LIMIT',
      'You have used as many idempotency keys as are kept. Try again later, or without a key.',
      { retryAfterMs: 60_000 },
    )
  }
}

function recordOf(row: Readonly<Record<string, unknown>>): IdempotencyRecord {
  const { run_id, input_hash, confirmed, lease_until, expires_at } = recordRow.parse(row)
  return Object.freeze({
    runId: run_id,
    inputHash: input_hash,
    confirmed,
    leaseUntil: lease_until,
    expiresAt: expires_at,
  })
}
