import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * What is there must be a database, or nothing: it is not made among somebody's files, and what is left of one is not taken
 * for one. Throws TypeError, before anything is written.
 */
export async function assertDataDirectory(directory: string): Promise<void> {
  const found = await stat(directory).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  })
  if (found === undefined) return
  if (!found.isDirectory()) throw unusable(directory, 'it is no folder')
  const names = await readdir(directory)
  if (!names.includes('PG_VERSION')) {
    // What was killed while it was made for the first time is made again.
    if (names.every((name) => ownNames.test(name))) return
    throw unusable(directory, 'there are other files in it')
  }
  for (const part of ['base', 'global/pg_control', 'pg_wal']) {
    const there = await stat(join(directory, part)).catch(() => undefined)
    if (there === undefined) {
      throw unusable(
        directory,
        `it was a database, but "${part}" is missing: restore it from a copy, or begin with another folder`,
      )
    }
  }
}

/** PostgreSQL's own names, this package's, and what may be in the root of a volume. */
const ownNames =
  /^(?:pg_\w+|base|global|postgresql\.(?:auto\.)?conf|postmaster\.\w+|ringfence\.lock|lost\+found)$/u

function unusable(directory: string, why: string): TypeError {
  return new TypeError(`Cannot open the store: the folder "${directory}" cannot be used, ${why}.`)
}
