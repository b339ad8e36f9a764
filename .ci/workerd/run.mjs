// Runs a package's runtime-neutral tests inside workerd, as one bundle, and reports like vitest.
//   node .ci/workerd/run.mjs packages/context
import { spawnSync } from 'node:child_process'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const local = (name) => fileURLToPath(new URL(name, import.meta.url))
const target = process.argv[2] ?? 'packages/context'
const log = (line) => process.stdout.write(`${line}\n`)

/** Tests that need Node say so in their name. */
const tests = readdirSync(join(root, target, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts') && !file.endsWith('.node.test.ts'))
  .map((file) => join(target, 'test', file))
  .toSorted()

const fromVitest = createRequire(realpathSync(join(root, 'node_modules/vitest/package.json')))
const { build, loadConfigFromFile } = await import(pathToFileURL(fromVitest.resolve('vite')).href)
const workspace = await loadConfigFromFile(
  { command: 'build', mode: 'test' },
  join(root, 'vitest.config.ts'),
  root,
)

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
const vitestInternals = Object.fromEntries(
  ['@vitest/runner', '@vitest/expect', '@vitest/spy', 'chai'].map((name) => [
    name,
    fromVitest.resolve(name),
  ]),
)

const folder = mkdtempSync(join(tmpdir(), 'workerd-'))
try {
  await build({
    configFile: false,
    root,
    logLevel: 'warn',
    plugins: [virtualTests, ...workspace.config.plugins],
    resolve: { alias: { vitest: local('vitest.mjs'), ...vitestInternals } },
    ssr: {
      noExternal: true,
      target: 'webworker',
      resolve: { conditions: ['@ringfence/source', 'workerd', 'worker', 'module', 'production'] },
    },
    build: {
      ssr: local('worker.mjs'),
      outDir: folder,
      emptyOutDir: false,
      minify: false,
      target: 'es2022',
      rollupOptions: {
        external: [/^node:/],
        output: { codeSplitting: false, entryFileNames: 'worker.js' },
      },
    },
  })
  writeFileSync(
    join(folder, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-06-01",
  compatibilityFlags = ["nodejs_compat"],
))]);`,
  )
  const workerd = join(root, '.ci/runtimes/node_modules/workerd/bin/workerd')
  const run = spawnSync(workerd, ['test', 'config.capnp'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 120_000,
    maxBuffer: 2 ** 28,
  })
  const output = `${run.stdout}\n${run.stderr}`
  const line = output.split('\n').find((text) => text.includes('RINGFENCE_REPORT '))
  if (line === undefined) throw new Error(`workerd gave no report (exit ${run.status}):\n${output}`)
  const report = JSON.parse(line.slice(line.indexOf('{')))

  const count = { passed: 0, failed: 0, skipped: 0 }
  for (const file of report.testResults) {
    if (file.message) log(`${file.name}: ${file.message}`)
    if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'))
      count.failed += 1
    for (const test of file.assertionResults) {
      count[test.status === 'todo' ? 'skipped' : test.status] += 1
      if (test.status === 'failed')
        log(`FAIL ${file.name} > ${test.fullName}\n${test.failureMessages.join('\n')}`)
    }
  }
  log(
    `workerd: ${report.testResults.length} files: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`,
  )
  const file = process.env.RINGFENCE_TEST_REPORT
  if (file) writeFileSync(file, JSON.stringify(report))
  process.exitCode = run.status === 0 && count.failed === 0 && count.passed > 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true })
}
