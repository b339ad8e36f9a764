import type { OwnerSource } from './with-owner.ts'

/** What is needed of a compiled query of kysely. */
export interface KyselyQuery {
  readonly sql: string
  readonly parameters: readonly unknown[]
  readonly query: {
    readonly kind: 'RawNode'
    readonly sqlFragments: readonly string[]
    readonly parameters: readonly []
  }
  readonly queryId: { readonly queryId: string }
}

/** What is needed of a kysely database on PostgreSQL. */
export interface KyselyDatabase<Transaction> {
  transaction(): {
    execute<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result>
  }
}

/**
 * A kysely database on PostgreSQL. The settings end with the transaction; what the work itself leaves on a connection
 * beyond it (a `SET` without `LOCAL`) is between kysely and its driver.
 */
export function fromKysely<
  Transaction extends { executeQuery(query: KyselyQuery): Promise<unknown> },
>(database: KyselyDatabase<Transaction>): OwnerSource<Transaction> {
  return {
    transaction: (begin, work) =>
      database.transaction().execute(async (transaction) => {
        await begin((text, values) =>
          transaction.executeQuery({
            sql: text,
            parameters: values,
            query: { kind: 'RawNode', sqlFragments: [text], parameters: [] },
            queryId: { queryId: 'ringfence' },
          }),
        )
        return work(transaction)
      }),
  }
}
