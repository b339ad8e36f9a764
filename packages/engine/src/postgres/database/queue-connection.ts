import type { Row } from './database.ts'

/** What pg-boss runs its statements on. */
export interface QueueConnection {
  executeSql(text: string, values?: unknown[]): Promise<{ rows: Row[] }>
}
