import { parseArgs } from 'node:util'
import { ConfigurationError } from './configuration.ts'
import { type KeptWhere, keptWhere } from './kept-where.ts'

/** What the command line says. */
export interface CommandLine {
  readonly help: boolean
  /** Whether the inspector is served. */
  readonly inspect: boolean
  readonly keptWhere: KeptWhere
}

const options = {
  'data-dir': { type: 'string' },
  'database-url': { type: 'string' },
  keys: { type: 'string' },
  inspect: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/** What it takes, for whoever asks. */
export const usage = `The command line takes
  --data-dir <folder>              keep runs in a folder, for this process alone
  --database-url <postgres://...>  keep runs in PostgreSQL, for any number of servers
  --keys <file>                    the keys of waiting runs' contexts, with either of these
  --inspect                        serve the inspector, for admins, on /inspect
  --help                           say this
What the environment takes stands in README.md.
`

/** Reads it. Throws ConfigurationError. */
export const readCommandLine = (args: readonly string[]): CommandLine => {
  const { help = false, inspect = false, keys, ...kept } = parse(args)
  const where = { dataDir: kept['data-dir'], url: kept['database-url'], keysPath: keys }
  return { help, inspect, keptWhere: help ? {} : keptWhere(where) }
}

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigurationError(`${reason}\n${usage.trimEnd()}`)
  }
}
