/** The roles of the store. A login that the store connects with is a member of all three. */
export const roles: {
  readonly migrations: 'ringfence_migrations'
  readonly queue: 'ringfence_queue'
  readonly data: 'ringfence_data'
} = Object.freeze({
  /** Owns the tables and changes their shape. */
  migrations: 'ringfence_migrations',
  /** Owns the queue's schema, and reaches nothing else. */
  queue: 'ringfence_queue',
  /** Reads and writes rows under row-level security. */
  data: 'ringfence_data',
})
