import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What speaks of the whole process, and so wants one that no other test has been in. */
const ofProcess =
  /inspect(?:Scopes)?\(|openScopes|orphans|support\/(?:quiet|torture|face-contract)|Symbol\.for\(|vi\.(?:do)?[mM]ock|queue-contract|README|gc\(/u

/**
 * The packages' test files: those that want a process of their own, and those that may follow others in theirs. Most of a
 * short file's time is its imports.
 */
export function testsApart(root: string): {
  readonly alone: string[]
  readonly together: string[]
} {
  const tests = ['packages/context', 'packages/engine', 'packages/server'].flatMap((folder) =>
    readdirSync(join(root, folder, 'test'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => join(folder, 'test', file)),
  )
  const alone = tests.filter((file) => ofProcess.test(readFileSync(join(root, file), 'utf8')))
  return { alone, together: tests.filter((file) => !alone.includes(file)) }
}
