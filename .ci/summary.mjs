// Adds up what `.ci/run` did, from the JSON reports of its suites and the exit codes of its steps, and says
// once more, where the end of a long output is read, what has failed.
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
const leaveFor = (title) =>
  allowed.find((skip) => title.startsWith(skip.title) && !(skip.unless && process.env[skip.unless]))

const readReport = (file) => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** Of what a step printed, the lines in bold, as of mutants that live; else what comes after a fault, or the end. */
const endOf = (printed) => {
  const lines = readFileSync(printed, 'utf8').trimEnd().split('\n')
  const bold = lines.filter((line) => /\*\*.+\*\*/u.test(line))
  const fault = lines.findIndex((line) => line.includes('Unhandled'))
  const rest = fault === -1 ? lines.slice(-25) : lines.slice(fault, fault + 40)
  return (bold.length > 0 ? bold : rest).map((line) => `| ${line}`)
}

/** The counts of one suite; a suite that ran nothing, or failed without a failed test, has failed. */
const countOf = (report, exit, printed) => {
  const problems = []
  const leaves = new Map()
  const count = { passed: 0, failed: 0, skipped: 0 }
  for (const file of report?.testResults ?? []) {
    let failedHere = 0
    for (const { status, fullName, failureMessages } of file.assertionResults) {
      if (status === 'passed') count.passed += 1
      else if (status === 'failed') {
        failedHere += 1
        problems.push(`failed: ${fullName}`, ...failureMessages.map((text) => `| ${firstOf(text)}`))
      } else {
        count.skipped += 1
        const leave = leaveFor(fullName)
        if (leave === undefined) problems.push(`skipped without leave: ${fullName}`)
        else leaves.set(leave.title, (leaves.get(leave.title) ?? 0) + 1)
      }
    }
    if (file.status === 'failed' && failedHere === 0) {
      failedHere = 1
      problems.push(`failed: ${file.name}: ${firstOf(file.message)}`)
    }
    count.failed += failedHere
  }
  if (count.failed === 0 && (exit !== 0 || count.passed === 0)) {
    count.failed += 1
    problems.push(`exit ${exit} after ${count.passed} passed tests`, ...endOf(printed))
  }
  return { count, problems, leaves }
}
const firstOf = (text) => text.slice(0, 600).split('\n').slice(0, 6).join(' / ')

/** A step without tests is one check. */
const checkOf = (exit, printed) => ({
  count: { passed: exit === 0 ? 1 : 0, failed: exit === 0 ? 0 : 1, skipped: 0 },
  problems: exit === 0 ? [] : endOf(printed),
  leaves: new Map(),
})

const suites = new Map(rowsOf('suites.tsv').map(([report, name]) => [name, report]))
const total = { passed: 0, failed: 0, skipped: 0 }
const steps = []
const failures = []
const skips = new Map()

for (const [exit, seconds, name, printed] of rowsOf('steps.tsv')) {
  const report = suites.get(name)
  const { count, problems, leaves } =
    report === undefined
      ? checkOf(Number(exit), printed)
      : countOf(readReport(report), Number(exit), printed)
  for (const key of Object.keys(total)) total[key] += count[key]
  for (const [title, times] of leaves) skips.set(title, (skips.get(title) ?? 0) + times)
  const kind = report === undefined ? 'check' : 'tests'
  steps.push(
    `${name}: ${kind} ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped, ${seconds}s`,
  )
  if (problems.length > 0) failures.push(`--- ${name}`, ...problems)
}

log('\n=== summary')
for (const line of steps) log(line)
for (const [title, times] of skips) log(`${times} times, as allowed: ${title}`)
if (failures.length > 0) log('\n=== what failed')
for (const line of failures) log(line)
log('')
const tail = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
log(`${total.passed} passed, ${total.failed} failed${tail}`)
process.exitCode = total.failed > 0 || failures.length > 0 ? 1 : 0
