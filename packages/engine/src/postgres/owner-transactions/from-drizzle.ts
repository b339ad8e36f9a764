import { transactionOver, type OwnerSource } from './with-owner.ts'

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
 * A drizzle database on PostgreSQL, with the `sql` of `drizzle-orm`. The settings end with the transaction, and whoever
 * kept it, or a query that was made from it, gets `FORBIDDEN`: its connection may be another user's by then. What the work itself leaves on a connection beyond it (a `SET` without `LOCAL`) is between drizzle and its driver.
 */
export function fromDrizzle<
  Chunk,
  Transaction extends object & { execute(chunk: Chunk): PromiseLike<unknown> },
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
        let over = false
        try {
          return await work(lend(transaction, () => over))
        } finally {
          over = true
        }
      }),
  }
}

/**
 * A transaction that can be used until it is over. Its `session`, and what that prepares, are what its queries keep and ask
 * when they are executed, so they are lent in the same way.
 */
function lend<Lent extends object>(target: Lent, isOver: () => boolean): Lent {
  return new Proxy(target, {
    get: (_, property) => {
      if (isOver()) throw transactionOver()
      const value: unknown = Reflect.get(target, property)
      if (property === 'session' && typeof value === 'object' && value !== null) {
        return lend(value, isOver)
      }
      if (property !== 'prepareQuery' || typeof value !== 'function') return value
      return (...given: unknown[]): unknown => {
        const prepared: unknown = Reflect.apply(value, target, given)
        return typeof prepared === 'object' && prepared !== null ? lend(prepared, isOver) : prepared
      }
    },
  })
}
