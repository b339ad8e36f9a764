import { currentScope, type Owner } from '@ringfence/context'
import type { Database, Sql } from '../database/database.ts'
import { ownerValues } from '../database/owner-settings.ts'

/** Statements of one owner. */
export interface OwnerSql {
  readonly owner: Owner
  /** The owner as the first two parameters of every statement: `$1` the tenant, `$2` the user. */
  readonly key: readonly [string, string]
  readonly sql: Sql
}

/**
 * A transaction of the current owner, and of nobody else (I8). Throws `NO_SCOPE` outside a scope, before a connection
 * is asked for.
 */
export async function asCurrentOwner<Result>(
  database: Database,
  work: (statements: OwnerSql) => Promise<Result>,
): Promise<Result> {
  return asOwner(database, currentScope().owner, work)
}

/** The same for an owner who was read from a scope before, or in the system scope. */
export async function asOwner<Result>(
  database: Database,
  owner: Owner,
  work: (statements: OwnerSql) => Promise<Result>,
  patient?: boolean,
): Promise<Result> {
  const key = ownerValues(owner)
  return database.transaction(owner, (sql) => work({ owner, key, sql }), patient)
}

/**
 * Lets one transaction of the owner at a time go on from here. Owners whose locks fall together wait for each other,
 * and no more.
 */
export async function oneAtATime({ key, sql }: OwnerSql, what: string): Promise<void> {
  const [tenant, userId] = key
  await sql('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `ringfence.${what} ${tenant.length}:${tenant}${userId}`,
  ])
}
