// Writes docs/threats.md from docs/threats.json and a run of the tests that attack a running server.
//   node scripts/threats.mjs [--check] [--report <vitest.json>]
// A test names its threat at the beginning of its title, `threat 7: ...`. Without --report the tests are run here.
// With --check nothing is written; it fails when the page differs. It always fails when a threat has no test, when a
// test of one failed or did not run, and when a title names a threat that is not there.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { isAbsolute, join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './packages.mjs'

const { values } = parseArgs({
  options: { check: { type: 'boolean', default: false }, report: { type: 'string' } },
})
const page = join(root, 'docs/threats.md')
const tests = 'packages/server/test/threats'
// Only some of these attack, and they need programs that not every machine has.
const behindProxies = 'packages/server/test/proxies'
const log = (line) => process.stdout.write(`${line}\n`)

const runTests = () => {
  const folder = mkdtempSync(join(tmpdir(), 'threats-'))
  const report = join(folder, 'report.json')
  spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--project=!types', tests, behindProxies],
    {
      cwd: root,
      env: { ...process.env, RINGFENCE_TEST_REPORT: report },
      stdio: 'inherit',
    },
  )
  const results = JSON.parse(readFileSync(report, 'utf8'))
  rmSync(folder, { recursive: true })
  return results
}

const results =
  values.report === undefined ? runTests() : JSON.parse(readFileSync(values.report, 'utf8'))
const threats = JSON.parse(readFileSync(join(root, 'docs/threats.json'), 'utf8'))
const problems = []
const shown = new Map(threats.map(({ number }) => [number, []]))

for (const { name, assertionResults } of results.testResults) {
  const file = isAbsolute(name) ? relative(root, name) : name
  const attacks = file.startsWith(`${tests}/`)
  if (!attacks && !file.startsWith(`${behindProxies}/`)) continue
  for (const { title, status } of assertionResults) {
    if (!attacks && !title.startsWith('threat ')) continue
    const [, number, claim] =
      /^threat (\d+): (.+?)(?: \(RINGFENCE_TEST_SEED=\d+\))?$/.exec(title) ?? []
    if (number === undefined) problems.push(`${file}: "${title}" names no threat`)
    else if (!shown.has(Number(number))) problems.push(`${file}: there is no threat ${number}`)
    else if (status !== 'passed') problems.push(`${file}: "${title}" has ${status}`)
    else if (
      !shown.get(Number(number)).some((other) => other.file === file && other.claim === claim)
    )
      shown.get(Number(number)).push({ file, claim })
  }
}
for (const [number, claims] of shown) {
  if (claims.length === 0) problems.push(`threat ${number} has no test that passed`)
}

const cell = (text) => text.replaceAll('|', '\\|').replaceAll(/[[\]]/g, '\\$&')
const rows = threats.map(({ number, threat, answer }) => {
  const claims = shown
    .get(number)
    .toSorted((one, other) =>
      `${one.file} ${one.claim}` < `${other.file} ${other.claim}` ? -1 : 1,
    )
    .map(({ file, claim }) => `[${cell(claim)}](../${file})`)
  return `| ${number} | ${threat} | ${answer} | ${claims.join('; ')} |`
})
const text = `<!-- Written by scripts/threats.mjs from docs/threats.json and a run of the tests. Do not edit. -->

# Threats

What somebody may try on a server, what comes of it, and the tests that try it: each attacks a running server over real
connections. A test that fails, or does not run, takes its row away, and \`.ci/run\` fails.

Number 10 is counted: 20,000 requests and frames of 50 users in each run of the tests, over every route there is, with the
seed in the test's title. A million of 200 users is the same test with
\`RINGFENCE_LOAD_REQUESTS=1000000 RINGFENCE_LOAD_USERS=200\`. Nothing foreign in n of them is no proof; it says that, with
95 % confidence, fewer than 3 in n such requests leak: 150 in a million for the first, 3 in a million for the second.
On 2026-11-26 a million requests of 200 users with the seed 312800, in 45 minutes on Node 26, showed nothing foreign.

| | threat | what comes of it | shown by |
| --- | --- | --- | --- |
${rows.join('\n')}
`

const before = existsSync(page) ? readFileSync(page, 'utf8') : ''
if (problems.length === 0 && before !== text) {
  if (values.check) problems.push('docs/threats.md is not of this run: node scripts/threats.mjs')
  else writeFileSync(page, text)
}
for (const problem of problems) log(problem)
log(
  `threats: ${[...shown.values()].filter((claims) => claims.length > 0).length} of ${threats.length} shown`,
)
process.exit(problems.length === 0 ? 0 : 1)
