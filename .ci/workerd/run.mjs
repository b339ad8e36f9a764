// Runs a package's runtime-neutral tests inside workerd and reports like vitest.
//   node .ci/workerd/run.mjs packages/context
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fromVitest, printedBy, runInWorkerd, vite } from './bundle.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const local = (name) => fileURLToPath(new URL(name, import.meta.url))
const target = process.argv[2] ?? 'packages/context'
const log = (line) => process.stdout.write(`${line}\n`)

/** Tests that need Node say so in their name. */
const tests = readdirSync(join(root, target, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts') && !file.endsWith('.node.test.ts'))
  .map((file) => join(target, 'test', file))
  .toSorted()

/** Every test file, to be loaded when its turn comes. */
const virtualTests = {
  name: 'virtual-tests',
  enforce: 'pre',
  resolveId: (id) => (id === 'virtual:tests' ? id : undefined),
  load(id) {
    if (id !== 'virtual:tests') return undefined
    const entries = tests.map(
      (file) => `  ${JSON.stringify(file)}: () => import(${JSON.stringify(join(root, file))}),`,
    )
    return `export const files = {\n${entries.join('\n')}\n}`
  },
}

const { loadConfigFromFile } = await vite()
const workspace = await loadConfigFromFile(
  { command: 'build', mode: 'test' },
  join(root, 'vitest.config.ts'),
  root,
)
const internals = ['@vitest/runner', '@vitest/expect', '@vitest/spy', 'chai']
const run = await runInWorkerd({
  entry: local('worker.mjs'),
  // A worker for each file, so that it has the process-wide state to itself, as under vitest.
  bindings: tests.map((file) => ({ FILE: file })),
  plugins: [virtualTests, ...workspace.config.plugins],
  alias: {
    vitest: local('vitest.mjs'),
    ...Object.fromEntries(internals.map((name) => [name, fromVitest.resolve(name)])),
  },
  conditions: ['@ringfence/source'],
})
const testResults = printedBy(run, 'RINGFENCE_REPORT')

const count = { passed: 0, failed: 0, skipped: 0 }
for (const file of testResults) {
  if (file.message) log(`${file.name}: ${file.message}`)
  const failed = file.assertionResults.filter((test) => test.status === 'failed')
  if (file.status === 'failed' && failed.length === 0) count.failed += 1
  for (const test of file.assertionResults)
    count[test.status === 'todo' ? 'skipped' : test.status] += 1
  for (const test of failed)
    log(`FAIL ${file.name} > ${test.fullName}\n${test.failureMessages.join('\n')}`)
}
const total = `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`
log(`workerd: ${testResults.length} files: ${total}`)
if (process.env.RINGFENCE_TEST_REPORT) {
  writeFileSync(process.env.RINGFENCE_TEST_REPORT, JSON.stringify({ testResults }))
}
process.exitCode =
  run.exit === 0 && testResults.length === tests.length && count.failed === 0 && count.passed > 0
    ? 0
    : 1
