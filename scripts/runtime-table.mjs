// Writes the tables of runtimes from the JSON reports of a run of `.ci/run`.
//   node scripts/runtime-table.mjs <suites.tsv>
// Each line of the file is a report, the suite's name and the runtime it ran on, separated by tabs.
// Exits 1 when a table was not that of this run (it is now: commit it), and when a rule has no test.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { isAbsolute, join, relative } from 'node:path'
import { root } from './packages.mjs'
import { between, markdownTable, packageCell, ruleCell, rulesCell } from './runtime-cells.mjs'

/** Every runtime of the matrix, under the names that `.ci/run` gives them. */
const runtimes = {
  'node20 hooks': 'Node 20',
  'node22 hooks': 'Node 22',
  'node22 frame': 'Node 22, frames',
  'node24 frame': 'Node 24',
  'node24 hooks': 'Node 24, hooks',
  'node26 frame': 'Node 26',
  'node26 hooks': 'Node 26, hooks',
  bun: 'Bun',
  deno: 'Deno',
  workerd: 'workerd',
}
const page = 'packages/context/docs/semantics.md'
const log = (line) => process.stdout.write(`${line}\n`)
const read = (file) => readFileSync(join(root, file), 'utf8')

/** @returns {Map<string, Map<string, import('./runtime-cells.d.mts').FileResult>>} */
const readResults = (list) => {
  const results = new Map(Object.keys(runtimes).map((runtime) => [runtime, new Map()]))
  for (const line of readFileSync(list, 'utf8').split('\n').filter(Boolean)) {
    const [report, , runtime] = line.split('\t')
    const files = results.get(runtime)
    if (files === undefined || !existsSync(report)) continue
    for (const file of JSON.parse(readFileSync(report, 'utf8')).testResults) {
      files.set(isAbsolute(file.name) ? relative(root, file.name) : file.name, file)
    }
  }
  return results
}

const testsOf = (name) =>
  readdirSync(join(root, 'packages', name, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => join('packages', name, 'test', file))

const results = readResults(process.argv[2])
const rules = [...read(page).matchAll(/^### (?<number>\d+)\. (?<name>.+)$/gmu)].map(
  ({ groups: { number, name } }) => ({ number: Number(number), name }),
)
const cellsOf = (runtime) => rules.map(({ number }) => ruleCell(number, results.get(runtime)))

const matrix = markdownTable(
  ['', ...Object.values(runtimes)],
  rules.map(({ number, name }) => [
    `${number}. ${name}`,
    ...Object.keys(runtimes).map((runtime) => ruleCell(number, results.get(runtime))),
  ]),
)

const ofContext = Object.entries(runtimes).map(([runtime, label]) => [
  label,
  packageCell(testsOf('context'), results.get(runtime)),
  rulesCell(cellsOf(runtime)),
])
const contextTable = markdownTable(['', 'tests', '[semantics](docs/semantics.md)'], ofContext)

// What needs a database is a column of its own.
const durable = (file) =>
  file.startsWith('packages/engine/test/postgres/') ||
  file.endsWith('/dead-node.node.test.ts') ||
  file.endsWith('/server/test/outage.node.test.ts')
const tests = [...testsOf('engine'), ...testsOf('server')]
const columns = [
  testsOf('engine').filter((file) => !durable(file)),
  tests.filter(durable),
  testsOf('server').filter((file) => !durable(file)),
]

const overview = markdownTable(
  [
    '',
    '`@ringfence/context`',
    'its [semantics](packages/context/docs/semantics.md)',
    '`@ringfence/engine`',
    'its durable store',
    '`@ringfence/server`',
  ],
  Object.keys(runtimes).map((runtime, index) => [
    ...ofContext[index],
    ...columns.map((files) => packageCell(files, results.get(runtime))),
  ]),
)

for (const [file, table] of [
  ['README.md', overview],
  ['packages/context/README.md', contextTable],
  [page, matrix],
]) {
  const before = read(file)
  const after = between(before, table)
  if (after === before) continue
  writeFileSync(join(root, file), after)
  log(`${file}: the table was not the one of this run. It is now; commit it.\n${table}`)
  process.exitCode = 1
}
const untested = Object.entries(runtimes).flatMap(([runtime, label]) =>
  cellsOf(runtime).flatMap((cell, index) =>
    cell === '–' || cell === 'fails' ? [`${label}: ${rules[index].number}. ${cell}`] : [],
  ),
)
if (rules.length === 0 || untested.length > 0) {
  log(`Semantics without a passing test named after them:\n${untested.join('\n')}`)
  process.exitCode = 1
}
