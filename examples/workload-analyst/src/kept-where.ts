import { parseArgs } from 'node:util'
import type { EngineStore } from '@ringfence/engine'
import type { ServerLogger } from '@ringfence/server'
import { ConfigurationError } from './configuration.ts'

/** Where runs are kept: a folder, a PostgreSQL server, or, without either, the memory of the process. */
export interface KeptWhere {
  readonly dataDir?: string
  readonly url?: string
}

/** Reads the command line. Throws ConfigurationError. */
export const readKeptWhere = (args: readonly string[]): KeptWhere => {
  const read = parse(args)
  const { 'data-dir': dataDir, 'database-url': url } = read
  if (dataDir !== undefined && url !== undefined) {
    throw new ConfigurationError('Give either --data-dir or --database-url.')
  }
  if (dataDir !== undefined) return { dataDir }
  return url === undefined ? {} : { url }
}

const parse = (
  args: readonly string[],
): { readonly 'data-dir'?: string | undefined; readonly 'database-url'?: string | undefined } => {
  try {
    return parseArgs({
      args: [...args],
      options: { 'data-dir': { type: 'string' }, 'database-url': { type: 'string' } },
    }).values
  } catch (error) {
    throw new ConfigurationError(
      `The command line takes --data-dir <folder> and --database-url <postgres://…>. ${error instanceof Error ? error.message : ''}`,
    )
  }
}

/** Opens the store there; undefined where memory is to do. What it needs is loaded only where it is asked for. */
export const openStore = async (
  { dataDir, url }: KeptWhere,
  logger: ServerLogger,
): Promise<EngineStore | undefined> => {
  if (dataDir === undefined && url === undefined) return undefined
  const { openPostgresStore } = await import('@ringfence/engine/postgres')
  return openPostgresStore({ dataDir, url, logger })
}
