// The workspace's tests on a named runtime: the setup file refuses to pass for another one.
// RINGFENCE_TESTS_WITHOUT has the patterns of what is left out, with spaces between: projects do not heed `--exclude`.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import workspace from '../vitest.config.ts'

/** What speaks of the whole process, and so wants one that no other test has been in. */
const ofProcess =
  /inspect(?:Scopes)?\(|openScopes|orphans|support\/quiet|Symbol\.for\(|vi\.(?:do)?[mM]ock|queue-contract|README|gc\(/u
const tests = ['packages/context', 'packages/engine', 'packages/server'].flatMap((folder) =>
  readdirSync(join(folder, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => join(folder, 'test', file)),
)
const alone = tests.filter((file) => ofProcess.test(readFileSync(file, 'utf8')))
const together = tests.filter((file) => !alone.includes(file))
// Keeps what it does in a folder and in PostgreSQL, which no Node 20 can.
alone.push('examples/workload-analyst/test/kept-where.test.ts')

const { testTimeout, hookTimeout, execArgv, exclude, setupFiles, maxWorkers, reporters } =
  workspace.test ?? {}
const without = (process.env['RINGFENCE_TESTS_WITHOUT'] ?? '').split(' ').filter(Boolean)
const project = (name: string, isolate: boolean, include: string[]) => ({
  plugins: workspace.plugins,
  ssr: workspace.ssr,
  test: {
    testTimeout,
    hookTimeout,
    execArgv,
    name,
    isolate,
    include,
    exclude: [...(exclude ?? []), ...without],
    setupFiles: [...[setupFiles ?? []].flat(), './.ci/expect-runtime.ts'],
  },
})

export default defineConfig({
  test: {
    maxWorkers,
    reporters,
    // Most of a file's time is its imports, and there are hundreds of files for each runtime. The README's test gives
    // each of them a process of its own.
    projects: [project('alone', true, alone), project('together', false, together)],
  },
})
