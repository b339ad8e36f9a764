// Takes each guard out of a copy of the tree and demands that a test goes red.
//   node scripts/mutants.mjs [package ...] [--only <words of a mutant's name>]
// A package lists its mutants in `test/mutants.json` and in the files of `test/mutants/`: [{ "name", "invariant", "file", "find", "replace",
// "tests": [...] }], paths relative to the package; `find` stands exactly once in `file`.
// Exits 1 when a mutant survives, does not load, or no longer matches the source.
import { spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './packages.mjs'

const atOnce = 2
const deadline = 120_000
// All the tests of all the mutants at once, on a machine that may be doing other things as well.
const baselineDeadline = 900_000
// Shorter than the workspace's own: a mutant that makes a test hang is to be found out soon.
const limits = ['--testTimeout=15000', '--hookTimeout=15000']
const vitestProgram = join(root, 'node_modules/vitest/vitest.mjs')
const log = (line) => process.stdout.write(`${line}\n`)

const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', default: '' } },
})
const tablesOf = (name) => {
  const tests = join(root, 'packages', name, 'test')
  const folder = join(tests, 'mutants')
  const files = existsSync(folder) ? readdirSync(folder).map((file) => join(folder, file)) : []
  return [join(tests, 'mutants.json'), ...files.toSorted()].filter((file) => existsSync(file))
}
const packages = readdirSync(join(root, 'packages')).filter(
  (name) => (wanted.length === 0 || wanted.includes(name)) && tablesOf(name).length > 0,
)
const tableOf = (name) => tablesOf(name).flatMap((file) => JSON.parse(readFileSync(file, 'utf8')))
const mutants = packages.flatMap((name) =>
  tableOf(name)
    .filter((mutant) => mutant.name.includes(values.only))
    .map((mutant) => ({
      ...mutant,
      file: join('packages', name, mutant.file),
      tests: mutant.tests.map((file) => join('packages', name, file)),
    })),
)

/** Links every installed package, except that the workspace's own point into the copy. */
const linkModules = (from, to) => {
  if (!existsSync(from)) return
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.name.startsWith('.') && entry.name !== '.pnpm') continue
    const source = join(from, entry.name)
    if (entry.name === '@ringfence') {
      mkdirSync(join(to, entry.name))
      for (const name of readdirSync(source))
        symlinkSync(join(copyOf(to), 'packages', name), join(to, entry.name, name))
    } else symlinkSync(source, join(to, entry.name))
  }
}
const copies = mkdtempSync(join(tmpdir(), 'mutants-'))
const copyOf = (path) => join(copies, relative(copies, path).split('/')[0])

const copyTree = (name) => {
  const copy = join(copies, name)
  const skipped = new Set(['node_modules', 'dist', '.git', 'coverage', '.ci', 'docs'])
  cpSync(root, copy, {
    recursive: true,
    filter: (path) =>
      !relative(root, path)
        .split('/')
        .some((part) => skipped.has(part)),
  })
  linkModules(join(root, 'node_modules'), join(copy, 'node_modules'))
  for (const group of ['packages', 'examples']) {
    for (const member of readdirSync(join(root, group))) {
      linkModules(
        join(root, group, member, 'node_modules'),
        join(copy, group, member, 'node_modules'),
      )
    }
  }
  return copy
}

/** Runs test files in a copy; resolves with vitest's report, or with why there is none. */
const runTests = (copy, tests, patience = deadline) =>
  new Promise((settle) => {
    const report = join(copy, 'report.json')
    rmSync(report, { force: true })
    const vitest = spawn(
      process.execPath,
      [
        vitestProgram,
        'run',
        '--typecheck.enabled=false',
        '--bail=1',
        '--maxWorkers=1',
        ...limits,
        ...tests,
      ],
      {
        cwd: copy,
        env: { ...process.env, RINGFENCE_TEST_REPORT: report, NO_COLOR: '1' },
        detached: true,
        stdio: 'pipe',
      },
    )
    let output = ''
    for (const stream of [vitest.stdout, vitest.stderr])
      stream.on('data', (chunk) => (output += chunk))
    let late = false
    const timer = setTimeout(() => {
      late = true
      process.kill(-Number(vitest.pid), 'SIGKILL')
    }, patience)
    vitest.on('close', () => {
      clearTimeout(timer)
      if (late) settle({ problem: `no end within ${patience / 1000} s` })
      else if (!existsSync(report)) settle({ problem: `no report:\n${output}` })
      else settle({ results: JSON.parse(readFileSync(report, 'utf8')).testResults, output })
    })
  })

const failedIn = (results) =>
  results.flatMap((file) => file.assertionResults).filter((test) => test.status === 'failed')

const verdictOn = async (copy, mutant) => {
  const path = join(copy, mutant.file)
  const source = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const matches = source.split(mutant.find).length - 1
  if (matches !== 1)
    return { problem: `\`find\` stands ${matches} times in ${mutant.file}, not once` }
  writeFileSync(
    path,
    source.replace(mutant.find, () => mutant.replace),
  )
  try {
    const { problem, results } = await runTests(copy, mutant.tests)
    if (problem !== undefined) return { problem }
    const failed = failedIn(results)
    if (failed.length > 0) return { killer: failed[0].fullName }
    const broken = results.find((file) => file.status === 'failed')
    return { problem: broken ? `does not load: ${broken.message.split('\n')[0]}` : 'SURVIVED' }
  } finally {
    writeFileSync(path, source)
  }
}

const baseline = async (copy) => {
  const tests = [...new Set(mutants.flatMap((mutant) => mutant.tests))]
  const missing = tests.filter((file) => !existsSync(resolve(copy, file)))
  if (missing.length > 0) throw new Error(`No such test file: ${missing.join(', ')}`)
  const { problem, results, output } = await runTests(copy, tests, baselineDeadline)
  if (problem !== undefined) throw new Error(problem)
  if (results.some((file) => file.status !== 'passed')) {
    throw new Error(`The tests must pass before anything is taken out:\n${output}`)
  }
}

try {
  if (mutants.length === 0)
    throw new Error(`No mutants found for ${wanted.join(', ') || 'any package'}.`)
  const trees = Array.from({ length: Math.min(atOnce, mutants.length) }, (_, index) =>
    copyTree(`${index}`),
  )
  await baseline(trees[0])
  const queue = mutants.entries()
  const verdicts = []
  await Promise.all(
    trees.map(async (copy) => {
      for (const [index, mutant] of queue) verdicts[index] = await verdictOn(copy, mutant)
    }),
  )
  log('| invariant | mutant | killed by |\n| --- | --- | --- |')
  for (const [index, mutant] of mutants.entries()) {
    const { problem, killer } = verdicts[index]
    const by = problem === undefined ? killer : `**${problem}**`
    log(`| ${mutant.invariant} | ${mutant.name} | ${by} |`)
  }
  const alive = verdicts.filter((verdict) => verdict.problem !== undefined).length
  log(`\nmutants: ${mutants.length - alive} killed, ${alive} not`)
  process.exitCode = alive > 0 ? 1 : 0
} catch (error) {
  log(error.message)
  process.exitCode = 1
} finally {
  rmSync(copies, { recursive: true, force: true })
}
