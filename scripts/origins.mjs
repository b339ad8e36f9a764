// Writes docs/origins.md: what became of each part of the system that Ringfence comes from, and which test shows it.
//   node scripts/origins.mjs [--check] [--root <folder>]
// What was and what is stands in docs/origins.json. A test names the rows that it covers in a comment above it,
// `// origins: AIF-7 L2`. With --check nothing is written; it fails when the page differs. It always fails when a
// row that is kept has no test, when one that is changed has neither test nor reason, and when a test names a row
// that is not there.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { root as repository } from './packages.mjs'

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    root: { type: 'string', default: repository },
  },
})
const { check, root } = values
const page = join(root, 'docs/origins.md')
const log = (line) => process.stdout.write(`${line}\n`)
const { parts, promises, guarantees, lessons } = JSON.parse(
  readFileSync(join(root, 'docs/origins.json'), 'utf8'),
)

const testFiles = ['packages', 'examples', 'scripts', '.ci']
  .filter((group) => existsSync(join(root, group)))
  .flatMap((group) => {
    /** @returns {string[]} */
    const tests = (folder) =>
      readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        const path = join(folder, entry.name)
        if (['node_modules', 'dist', 'runtimes', 'fixture'].includes(entry.name)) return []
        if (entry.isDirectory()) return tests(path)
        return /\.test\.ts$|-contract\.ts$/.test(entry.name) ? [path] : []
      })
    return tests(join(root, group))
  })
  .toSorted()

/** A literal that is followed by the test's function. */
const titled = /(['"`])((?:\\.|(?!\1)[^\\\n])+)\1,\s*(?:\{ timeout[^}]*\},\s*)?(?:async\s*)?\(/

const testsOf = new Map()
for (const file of testFiles) {
  const source = readFileSync(file, 'utf8')
  for (const tag of source.matchAll(/^[ \t]*\/\/ origins: (.+)$/gm)) {
    const title = titled.exec(source.slice(tag.index + tag[0].length))?.[2]
    if (title === undefined) throw new Error(`${relative(root, file)}: no test follows ${tag[0]}`)
    const test = {
      file: relative(root, file),
      title: title
        .replaceAll('\\', '')
        .replace(/ \(RINGFENCE_TEST_SEED=.*\)$/, '')
        .replace(/^%[sj]: /, 'each path: ')
        .replace(/%[sjd]/g, '…'),
    }
    for (const id of tag[1].trim().split(/\s+/)) testsOf.set(id, [...(testsOf.get(id) ?? []), test])
  }
}

const problems = []
const known = new Set(
  [...parts.flatMap(({ rows }) => rows), ...promises, ...guarantees, ...lessons].map(
    ({ id }) => id,
  ),
)
for (const [id, [test]] of testsOf) {
  if (!known.has(id)) problems.push(`${test.file} names ${id}, which is not in docs/origins.json`)
}
for (const row of parts.flatMap(({ rows }) => rows)) {
  if (testsOf.has(row.id) || row.mark === 'D') continue
  if (row.mark === 'K' && row.home === undefined)
    problems.push(`${row.id} is kept, and no test names it`)
  if (row.mark === 'A' && row.home === undefined && row.decision === undefined)
    problems.push(`${row.id} is changed, and has neither a test nor a reason`)
}
for (const row of parts.flatMap(({ rows }) => rows)) {
  if (row.decision !== undefined && !existsSync(join(root, row.decision)))
    problems.push(`${row.id} names ${row.decision}, which is not there`)
}
for (const { id } of [...guarantees, ...lessons]) {
  if (!testsOf.has(id)) problems.push(`${id} has no test`)
}

const cell = (text) => text.replaceAll('|', '\\|')
const links = (id) =>
  (testsOf.get(id) ?? [])
    .map(({ file, title }) => `[${cell(title).replaceAll(/[[\]]/g, '\\$&')}](../${file})`)
    .join('; ')

const evidence = ({ id, home, decision, mark }) => {
  const tests = links(id)
  const reason = decision === undefined ? '' : `[why](${relative('docs', decision)})`
  const missing = home === undefined || testsOf.has(id) ? '' : `not yet (${home})`
  return [tests, reason, missing].filter(Boolean).join('; ') || (mark === 'D' ? 'dropped' : '')
}

const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const rows = parts.flatMap((part) => part.rows)
const count = (mark) => rows.filter((row) => row.mark === mark).length
const open = rows.filter(({ id, home }) => home !== undefined && !testsOf.has(id))
const heading = `<!-- Written by scripts/origins.mjs from docs/origins.json and the tests. Do not edit. -->

# Where it comes from

Ringfence began as the rebuilding, in TypeScript, of the per-user isolation of a Python agent server, the public
repository [netra-systems/zen](https://github.com/netra-systems/zen). Nothing was copied from it: no code and no text. What
follows is what its parts did, what stands for them here, and the test that shows it.

**K** means kept: ${count('K')} rows. **A** means that the intent is kept and the way is another: ${count('A')} rows. **D** means
dropped: ${count('D')} rows. ${open.length === 0 ? 'Every row that is kept has a test.' : `Not there yet: ${open.map(({ id }) => id).join(', ')}.`}

A test names its rows in a comment, \`// origins: AIF-7\`; this page is written from those, and \`.ci/run\` fails when a kept
row has no test.
`
const body = [
  heading,
  ...parts.map(
    ({ was, ours, rows: own }) =>
      `## ${was} → ${ours}\n\n${table(
        ['row', '', 'there', 'here', 'shown by'],
        own.map((row) => [row.id, row.mark, cell(row.was), cell(row.ours), evidence(row)]),
      )}\n`,
  ),
  `## What it promised\n\n${table(
    ['', 'there', 'here', 'shown by'],
    promises.map(({ id, was, now }) => [id, cell(was), cell(now), links(id)]),
  )}\n`,
  `## Guarantees, and tests that could not fail\n\n${table(
    ['', 'guarantee', 'weakness of its test there', 'here', 'shown by'],
    guarantees.map(({ id, what, weakness, now }) => [
      id,
      cell(what),
      cell(weakness),
      cell(now),
      links(id),
    ]),
  )}\n`,
  `## Lessons\n\nWhat went wrong there, and why it cannot here.\n\n${table(
    ['', 'there', 'here', 'shown by'],
    lessons.map(({ id, was, now }) => [id, cell(was), cell(now), links(id)]),
  )}\n`,
].join('\n')

for (const problem of problems) log(problem)
const committed = existsSync(page) ? readFileSync(page, 'utf8') : ''
if (!check) writeFileSync(page, body)
else if (committed !== body) {
  problems.push('')
  log('docs/origins.md differs from what the tests say. Run `node scripts/origins.mjs` and commit.')
}
log(
  `origins: ${rows.length} rows, ${testsOf.size} of ${known.size} entries with tests, ${open.length} not there yet, ${problems.length} problems`,
)
process.exitCode = problems.length > 0 ? 1 : 0
