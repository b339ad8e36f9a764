// Runs the test file that its binding FILE names, inside workerd, and prints the report.
import { startTests } from '@vitest/runner'
import { clearExpectState, expect } from 'vitest'
import { files } from 'virtual:tests'

const config = {
  root: '/',
  setupFiles: [],
  passWithNoTests: false,
  sequence: { hooks: 'stack', setupFiles: 'list', shuffle: false, concurrent: false, seed: 1 },
  maxConcurrency: 1,
  testTimeout: 60_000,
  hookTimeout: 60_000,
  retry: 0,
  includeTaskLocation: false,
  diffOptions: {},
  tags: [],
  tagsFilter: [],
}

const runner = {
  pool: 'workerd',
  config,
  viteEnvironment: 'ssr',
  importFile: (path) => files[path](),
  onBeforeTryTask: clearExpectState,
  onAfterTryTask: () => {
    const state = expect.getState()
    const wanted = state.expectedAssertionsNumber
    if (wanted !== null && state.assertionCalls !== wanted) {
      throw new Error(`expected ${wanted} assertions, but got ${state.assertionCalls}`)
    }
    if (state.isExpectingAssertions && state.assertionCalls === 0) {
      throw new Error('expected any number of assertions, but got none')
    }
  },
}

const statusOf = (task) =>
  ({ pass: 'passed', fail: 'failed' })[task.result?.state] ??
  (task.mode === 'todo' ? 'todo' : 'skipped')

const testsOf = (suite, ancestors) =>
  suite.tasks.flatMap((task) =>
    task.type === 'suite'
      ? testsOf(task, [...ancestors, task.name])
      : [
          {
            ancestorTitles: ancestors,
            title: task.name,
            fullName: [...ancestors, task.name].join(' '),
            status: statusOf(task),
            failureMessages: (task.result?.errors ?? []).map(
              (error) => error.stack ?? error.message,
            ),
          },
        ],
  )

export default {
  async test(_controller, { FILE }) {
    const [file] = await startTests([FILE], runner)
    const report = {
      name: FILE,
      status: file.result?.state === 'pass' ? 'passed' : 'failed',
      message: (file.result?.errors ?? []).map((error) => error.stack ?? error.message).join('\n'),
      assertionResults: testsOf(file, []),
    }
    console.log(`RINGFENCE_REPORT ${JSON.stringify(report)}`)
  },
}
