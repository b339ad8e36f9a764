import type { Reporter } from 'vitest/node'

/** Vitest reporter that names what was skipped, and ends a run with one plain line: `tests: 4 passed, 0 failed`. */
export const closingLine: Reporter = {
  onTestRunEnd(modules, unhandledErrors) {
    const skippedNames = new Set<string>()
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 }
    for (const module of modules) {
      const tests = [...module.children.allTests()]
      for (const test of tests) {
        const { state } = test.result()
        count[state] += 1
        if (state === 'skipped') skippedNames.add(test.fullName)
      }
      // A file that does not load, or whose hook fails, has failed although none of its tests has.
      const reported = tests.some((test) => test.result().state === 'failed')
      if (module.state() === 'failed' && !reported) count.failed += 1
    }
    for (const name of skippedNames) {
      process.stdout.write(`${name.startsWith('skipped: ') ? '' : 'skipped: '}${name}\n`)
    }
    const skipped = count.skipped + count.pending
    const tail = skipped > 0 ? `, ${skipped} skipped` : ''
    process.stdout.write(`tests: ${count.passed} passed, ${count.failed} failed${tail}\n`)
  },
}
