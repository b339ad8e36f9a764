// The workspace's tests on a named runtime: the setup file refuses to pass for another one.
// RINGFENCE_TESTS_WITHOUT has the patterns of what is left out, with spaces between: projects do not heed `--exclude`.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import workspace from '../vitest.config.ts'

const context = 'packages/context/test'
/** What speaks of the whole process, and so wants one that no other test has been in. */
const ofProcess = /openScopes|orphans|Symbol\.for\(|vi\.(?:do)?[mM]ock|queue-contract|README/u
const alone = readdirSync(context, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => join(context, file))
  .filter((file) => ofProcess.test(readFileSync(file, 'utf8')))

const withPackages = [
  'packages/{engine,server}/test/**/*.test.ts',
  // Keeps what it does in a folder and in PostgreSQL, which no Node 20 can.
  'examples/workload-analyst/test/kept-where.test.ts',
]

const { testTimeout, hookTimeout, execArgv, exclude, setupFiles, maxWorkers, reporters } =
  workspace.test ?? {}
const without = (process.env['RINGFENCE_TESTS_WITHOUT'] ?? '').split(' ').filter(Boolean)
const project = (name: string, isolate: boolean, tests: string[], except: string[]) => ({
  plugins: workspace.plugins,
  ssr: workspace.ssr,
  test: {
    testTimeout,
    hookTimeout,
    execArgv,
    name,
    isolate,
    include: tests,
    exclude: [...(exclude ?? []), ...except, ...without],
    setupFiles: [...[setupFiles ?? []].flat(), './.ci/expect-runtime.ts'],
  },
})

export default defineConfig({
  test: {
    maxWorkers,
    reporters,
    projects: [
      project('alone', true, [...withPackages, ...alone], []),
      // Most of such a test is its imports, and there are seventy of them for each runtime.
      project('together', false, [`${context}/**/*.test.ts`], alone),
    ],
  },
})
