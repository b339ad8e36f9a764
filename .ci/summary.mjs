// Adds up what `.ci/run` did, from the JSON reports of its suites and the exit codes of its steps.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const results = process.argv[2] ?? '.'
const log = (line) => process.stdout.write(`${line}\n`)
const rowsOf = (file) =>
  readFileSync(join(results, file), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('\t'))

/** Skips that are allowed: tests whose full name begins with `title`, unless the variable `unless` is set. */
const allowed = JSON.parse(readFileSync(new URL('allowed-skips.json', import.meta.url), 'utf8'))
const isAllowed = (title) =>
  allowed.some((skip) => title.startsWith(skip.title) && !(skip.unless && process.env[skip.unless]))

const readReport = (file) => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** The counts of one suite; a suite that ran nothing, or failed without a failed test, has failed. */
const countOf = (report, exit) => {
  /** @type {string[]} */
  const problems = []
  const count = { passed: 0, failed: 0, skipped: 0, problems }
  for (const file of report?.testResults ?? []) {
    let failedHere = 0
    for (const { status, fullName } of file.assertionResults) {
      if (status === 'passed') count.passed += 1
      else if (status === 'failed') failedHere += 1
      else {
        count.skipped += 1
        if (isAllowed(fullName)) log(`skipped, as allowed: ${fullName}`)
        else count.problems.push(`skipped without leave: ${fullName}`)
      }
    }
    if (file.status === 'failed' && failedHere === 0) failedHere = 1
    count.failed += failedHere
  }
  if (count.failed === 0 && (exit !== 0 || count.passed === 0)) {
    count.failed += 1
    count.problems.push(`exit ${exit} after ${count.passed} passed tests`)
  }
  return count
}

/** A step without tests is one check. */
const checkOf = (ok) => ({
  passed: ok ? 1 : 0,
  failed: ok ? 0 : 1,
  skipped: 0,
  problems: noProblems,
})
/** @type {string[]} */
const noProblems = []

const suites = new Map(rowsOf('suites.tsv').map(([report, name]) => [name, report]))
const total = { passed: 0, failed: 0, skipped: 0 }
let refused = 0

log('\n=== summary')
for (const [exit, seconds, name] of rowsOf('steps.tsv')) {
  const report = suites.get(name)
  const count =
    report === undefined ? checkOf(exit === '0') : countOf(readReport(report), Number(exit))
  for (const key of Object.keys(total)) total[key] += count[key]
  refused += count.problems.length
  const kind = report === undefined ? 'check' : 'tests'
  log(
    `${name}: ${kind} ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped, ${seconds}s`,
  )
  for (const problem of count.problems) log(`  ${problem}`)
}
log('')
const tail = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
log(`${total.passed} passed, ${total.failed} failed${tail}`)
process.exitCode = total.failed > 0 || refused > 0 ? 1 : 0
