import type { OwnerSource } from './with-owner.ts'

/** What is needed of drizzle's `sql` tag. */
export interface DrizzleSql<Chunk> {
  raw(text: string): Chunk
  join(chunks: Chunk[], separator?: Chunk): Chunk
  param(value: string): unknown
  (strings: TemplateStringsArray, ...values: unknown[]): Chunk
}

/** What is needed of a drizzle database on PostgreSQL. */
export interface DrizzleDatabase<Transaction> {
  transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result>
}

/**
 * A drizzle database on PostgreSQL, with the `sql` of `drizzle-orm`. The settings end with the transaction; what the
 * work itself leaves on a connection beyond it (a `SET` without `LOCAL`) is between drizzle and its driver.
 */
export function fromDrizzle<
  Chunk,
  Transaction extends { execute(chunk: Chunk): PromiseLike<unknown> },
>(database: DrizzleDatabase<Transaction>, sql: DrizzleSql<Chunk>): OwnerSource<Transaction> {
  return {
    transaction: (begin, work) =>
      database.transaction(async (transaction) => {
        await begin(async (text, values) => {
          const parts = text.split(/\$\d+/u).map((part) => sql.raw(part))
          const chunks = parts.flatMap((part, index) => {
            const value = values[index]
            return value === undefined ? [part] : [part, sql`${value}`]
          })
          await transaction.execute(sql.join(chunks))
        })
        return work(transaction)
      }),
  }
}
