import { currentScope } from '@ringfence/context'
import { EngineError } from '../../errors/engine-error.ts'
import { tenantSetting, userSetting } from '../database/owner-settings.ts'
import type { OwnerTokens } from './owner-tokens.ts'

/** Runs one statement in the application's transaction. */
export type OwnerStatement = (text: string, values: readonly string[]) => Promise<unknown>

/** An application's database: `fromPool`, `fromDrizzle` or `fromKysely`, or one of your own. */
export interface OwnerSource<Transaction> {
  /**
   * Opens a transaction, lets `begin` set its owner, then `work` do its own, and commits; rolls back where either
   * fails. What the connection was set to must be gone before anybody else gets it.
   */
  transaction<Result>(
    begin: (run: OwnerStatement) => Promise<void>,
    work: (transaction: Transaction) => Promise<Result>,
  ): Promise<Result>
}

export interface WithOwnerOptions {
  /**
   * The role that the transaction works as. Whoever owns a table is not bound by its policies: connect as somebody
   * else, or name a role here that the login is a member of. Default: the login.
   */
  readonly role?: string | undefined
  /** Sets a signed token beside the plain settings, for policies that trust nothing that SQL can set. Default: none. */
  readonly tokens?: OwnerTokens | undefined
}

const roleName = /^[a-z_][a-z0-9_]{0,62}$/u

/**
 * Runs a transaction of the application as the current scope's owner (I8): `ringfence.tenant` (empty where there is
 * none) and `ringfence.user_id` are set for it, and for it alone, so that row-level security sees whose it is. After
 * the transaction they are gone, and a policy that compares with them matches nobody.
 *
 * It is a fence against a forgotten filter, not against hostile SQL, which can set them too: for that there are `tokens`.
 *
 * Rejects with `NO_SCOPE` before a connection is asked for, with what the work threw, and with TypeError for a role
 * that is no plain name.
 *
 * @example
 * await users.run({ userId: 'alice' }, () =>
 *   withOwner(fromPool(pool), (client) => client.query('SELECT * FROM notes')),
 * )
 */
export async function withOwner<Transaction, Result>(
  source: OwnerSource<Transaction>,
  work: (transaction: Transaction) => Promise<Result>,
  { role, tokens }: WithOwnerOptions = {},
): Promise<Result> {
  const { owner } = currentScope()
  const { tenantId = '', userId } = owner
  if (role !== undefined && !roleName.test(role)) {
    throw new TypeError(
      `Expected \`role\` to be a plain name of a role, got ${JSON.stringify(role)}`,
    )
  }
  const token = await tokens?.issue(owner)
  return source.transaction(async (run) => {
    if (role !== undefined) await run(`SET LOCAL ROLE ${role}`, [])
    await run(
      `SELECT set_config('${tenantSetting}', $1, true), set_config('${userSetting}', $2, true), set_config('ringfence.token', $3, true)`,
      [tenantId, userId, token ?? ''],
    )
  }, work)
}

/** What somebody gets who uses a transaction that is over: their connection is somebody else's by now. */
export function transactionOver(): EngineError {
  return new EngineError(
    'FORBIDDEN',
    'This transaction is over, and its connection may be another user’s by now. Await everything inside withOwner().',
  )
}

/** What somebody gets whose work went on after a statement that failed: PostgreSQL keeps nothing of such a transaction. */
export function notCommitted(): Error {
  return new Error(
    'The transaction was rolled back: a statement of it had failed, and the work went on. Let its error through, or use a SAVEPOINT.',
  )
}
