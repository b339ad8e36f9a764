// Takes each guard out of a copy of the tree and demands that a test goes red.
//   node scripts/mutants.mjs [package ...] [--only <words of a mutant's name>] [--tested] [--matches] [--durable] [--sample <n>] [--write]
// `--tested` says that the tests have passed on this very tree, so that they need not be run first.
// `--durable` takes those whose tests need a database, which no Node before 22.12 runs; without it they are left out.
// `--matches` only looks whether every mutant still matches the source: in a second, beside the linter.
// `--sample 2` takes every second one, and the commit says which: the next commit may have the others.
// `--write` keeps who killed whom in docs/mutants.md: the next time that test is asked first, and the others only when it does not fail.
// A package lists its mutants in `test/mutants.json` and in the files of `test/mutants/`: [{ "name", "invariant", "file", "find", "replace",
// "tests": [...] }], paths relative to the package; `find` stands exactly once in `file`.
// Exits 1 when a mutant survives, does not load, or no longer matches the source.
import { execFileSync, fork } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { readKillers, withoutSeed, writeKillers } from './mutant-killers.mjs'
import { root } from './packages.mjs'

// A third of the time goes to tests that hang because of their mutant.
const atOnce = 5
const deadline = 120_000
// All the tests of all the mutants at once, on a machine that may be doing other things as well.
const baselineDeadline = 900_000
const log = (line) => process.stdout.write(`${line}\n`)

const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: '' },
    tested: { type: 'boolean', default: false },
    matches: { type: 'boolean', default: false },
    durable: { type: 'boolean', default: false },
    sample: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
})
const tablesOf = (name) => {
  const tests = join(root, 'packages', name, 'test')
  const folder = join(tests, 'mutants')
  const files = existsSync(folder) ? readdirSync(folder).map((file) => join(folder, file)) : []
  return [join(tests, 'mutants.json'), ...files.toSorted()].filter((file) => existsSync(file))
}
const killers = readKillers()
const allPackages = readdirSync(join(root, 'packages')).filter((name) => tablesOf(name).length > 0)
const packages = allPackages.filter((name) => wanted.length === 0 || wanted.includes(name))
const tableOf = (name) => tablesOf(name).flatMap((file) => JSON.parse(readFileSync(file, 'utf8')))
const needsDatabase = ({ tests }) => tests.every((file) => file.startsWith('test/postgres/'))
const everyNth = Number(values.sample)
const commit =
  everyNth === 1
    ? '0'
    : execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).slice(0, 8)
const offset = Number.parseInt(commit, 16) % everyNth
const mutants = packages
  .flatMap((name) =>
    tableOf(name)
      .filter((mutant) => mutant.name.includes(values.only))
      .filter((mutant) => values.matches || needsDatabase(mutant) === values.durable)
      .map((mutant) => ({
        ...mutant,
        package: name,
        killer: killers.get(`${name}/${mutant.name}`),
        file: join('packages', name, mutant.file),
        tests: mutant.tests.map((file) => join('packages', name, file)),
      })),
  )
  .filter((_, index) => index % everyNth === offset)

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

/** A process of its own for each copy; one that a mutant brings down, or keeps from answering, is replaced. */
class Lane {
  #copy
  #child

  constructor(copy) {
    this.#copy = copy
  }

  ask(question, patience = deadline) {
    this.#child ??= fork(join(this.#copy, 'scripts/mutant-lane.mjs'), {
      cwd: this.#copy,
      // As under vitest's own command: Vite alone would say that this is development.
      env: { ...process.env, NODE_ENV: 'test', NO_COLOR: '1', RINGFENCE_TEST_REPORT: undefined },
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    const child = this.#child
    return new Promise((settle) => {
      let output = ''
      const hear = (chunk) => (output += chunk)
      const answer = (said) => {
        clearTimeout(timer)
        child.stderr.off('data', hear)
        child.off('message', answer).off('exit', gone)
        settle(said)
      }
      const gone = () => {
        this.#child = undefined
        this.#restore(question.mutant)
        answer({ problem: `no answer:\n${output}` })
      }
      const timer = setTimeout(() => {
        child.off('exit', gone)
        this.close()
        this.#restore(question.mutant)
        answer({ problem: `no end within ${patience / 1000} s` })
      }, patience)
      child.stderr.on('data', hear)
      child.on('message', answer).on('exit', gone)
      child.send(question)
    })
  }

  /** What a lane that is gone could not take back. */
  #restore(mutant) {
    if (mutant !== undefined) cpSync(join(root, mutant.file), join(this.#copy, mutant.file))
  }

  close() {
    const child = this.#child
    this.#child = undefined
    if (child?.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  }
}

/** The mutants whose `find` does not stand once in its file. */
const strayed = () =>
  mutants.filter(({ file, find }) => {
    const path = join(root, file)
    return !existsSync(path) || readFileSync(path, 'utf8').split(find).length !== 2
  })

/** The tests must pass before anything is taken out. */
const baseline = async (lane) => {
  const tests = [...new Set(mutants.flatMap((mutant) => mutant.tests))]
  const missing = tests.filter((file) => !existsSync(join(root, file)))
  if (missing.length > 0) throw new Error(`No such test file: ${missing.join(', ')}`)
  if (values.tested) return
  const { problem } = await lane.ask({ tests }, baselineDeadline)
  if (problem !== undefined) throw new Error(`Fails before anything is taken out: ${problem}`)
}

const lanes = []
const judgeAll = async () => {
  const names = Array.from({ length: Math.min(atOnce, mutants.length) }, (_, n) => `${n}`)
  lanes.push(...names.map((name) => new Lane(copyTree(name))))
  await baseline(lanes[0])
  const queue = mutants.entries()
  const verdicts = []
  await Promise.all(
    lanes.map(async (lane) => {
      for (const [index, mutant] of queue) {
        const first = await lane.ask({ mutant })
        // What a busy machine did to one run, it seldom does to the next; a guard that is missed is missed twice.
        verdicts[index] = first.problem === undefined ? first : await lane.ask({ mutant })
      }
    }),
  )
  log('| invariant | mutant | killed by |\n| --- | --- | --- |')
  for (const [index, mutant] of mutants.entries()) {
    const { problem, killer } = verdicts[index]
    const key = `${mutant.package}/${mutant.name}`
    if (problem === undefined) killers.set(key, withoutSeed(killer))
    else killers.delete(key)
    const by = problem === undefined ? killer : `**${problem}**`
    log(`| ${mutant.invariant} | ${mutant.name} | ${by} |`)
  }
  const alive = verdicts.filter((verdict) => verdict.problem !== undefined).length
  if (everyNth !== 1)
    log(`\nOne in ${everyNth}, from number ${offset + 1}, as commit ${commit} has it.`)
  log(`\nmutants: ${mutants.length - alive} killed, ${alive} not`)
  if (values.write) writeKillers(new Map(allPackages.map((name) => [name, tableOf(name)])), killers)
  process.exitCode = alive > 0 ? 1 : 0
}

try {
  if (mutants.length === 0)
    throw new Error(`No mutants found for ${wanted.join(', ') || 'any package'}.`)
  const astray = strayed()
  if (astray.length > 0) {
    const lines = astray.map(({ name, file }) => `  ${name}: ${file}`)
    throw new Error(`\`find\` does not stand once:\n${lines.join('\n')}`)
  }
  if (values.matches) log(`mutants: ${mutants.length} match the source`)
  else await judgeAll()
} catch (error) {
  log(error.message)
  process.exitCode = 1
} finally {
  for (const lane of lanes) lane.close()
  rmSync(copies, { recursive: true, force: true })
}
