import type { PostgresRunQueue, PostgresStore } from '@ringfence/engine/postgres'
import type { ServerLogger } from '@ringfence/server'
import { ConfigurationError } from './configuration.ts'
import { createEnvelopes } from './envelopes.ts'
import { readSealingKeys } from './sealing-keys.ts'

/** Where runs are kept: a folder, a PostgreSQL server, or, without either, the memory of the process. */
export interface KeptWhere {
  readonly dataDir?: string
  readonly url?: string
  /** The file with the keys of waiting runs' contexts. */
  readonly keysPath?: string
}

/** What was opened there. */
export interface Kept {
  readonly store: PostgresStore
  /** Where runs wait, so that they outlive whoever accepted them. */
  readonly queue: PostgresRunQueue
  /** Gives both back. */
  close(): Promise<void>
}

/**
 * Makes sense of what was given: a folder or a database, with a file of keys or with one beside it. Throws
 * ConfigurationError.
 */
export const keptWhere = ({
  dataDir,
  url,
  keysPath: keys,
}: {
  readonly [Name in keyof KeptWhere]: KeptWhere[Name] | undefined
}): KeptWhere => {
  if (dataDir !== undefined && url !== undefined) {
    throw new ConfigurationError('Give either --data-dir or --database-url.')
  }
  if (dataDir !== undefined) {
    // Beside the folder, as its lock is: what is in it is PostgreSQL's.
    return { dataDir, keysPath: keys ?? `${dataDir.replace(/[/\\]+$/, '')}.keys.json` }
  }
  if (url !== undefined) return { url, keysPath: keys ?? 'ringfence.keys.json' }
  if (keys === undefined) return {}
  throw new ConfigurationError('--keys goes with --data-dir or --database-url.')
}

/**
 * Opens the store there, and the queue beside it; undefined where memory is to do. What they need is loaded only where
 * it is asked for.
 */
export const openKept = async (
  { dataDir, url, keysPath }: KeptWhere,
  logger: ServerLogger,
): Promise<Kept | undefined> => {
  if (keysPath === undefined) return undefined
  const { openPostgresStore, openRunQueue } = await import('@ringfence/engine/postgres')
  const store = await openPostgresStore({ dataDir, url, logger })
  try {
    const envelopes = createEnvelopes(await readSealingKeys(keysPath))
    const queue = await openRunQueue({ store, ...envelopes, logger })
    return {
      store,
      queue,
      close: async () => {
        await queue.close()
        await store.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Why runs cannot be kept there, for whoever typed the command: never the address, which may hold a password. */
export const explainKept = ({ url }: KeptWhere, error: unknown): string => {
  const where =
    url === undefined ? 'in the folder of --data-dir' : 'in the database of --database-url'
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  const reason =
    error instanceof Error && error.message !== ''
      ? error.message
      : `It cannot be opened (${code ?? String(error)}).`
  return `Runs cannot be kept ${where}. ${reason}`
}
