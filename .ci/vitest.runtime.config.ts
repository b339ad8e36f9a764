// The workspace's tests on a named runtime: the setup file refuses to pass for another one.
// RINGFENCE_TESTS_WITHOUT has the patterns of what is left out, with spaces between: projects do not heed `--exclude`.
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { testsApart } from '../scripts/tests-apart.ts'
import workspace from '../vitest.config.ts'

const { alone, together } = testsApart(join(import.meta.dirname, '..'))
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
    projects: [project('alone', true, alone), project('together', false, together)],
  },
})
