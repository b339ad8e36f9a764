import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { closingLine } from './scripts/closing-line.ts'
import { readmeExamples } from './scripts/readme-examples.ts'
import { testsApart } from './scripts/tests-apart.ts'

// Where `.ci/run` wants the counts of this run; unset, only the terminal hears of them.
const report = process.env['RINGFENCE_TEST_REPORT']
const terminal: ['default', typeof closingLine] = ['default', closingLine]
const onNode = process.versions['bun'] === undefined && process.versions['deno'] === undefined

const { alone, together } = testsApart(import.meta.dirname)

export default defineConfig({
  plugins: [readmeExamples()],
  // The source condition lets every package import the others' sources by name: no build, no alias list.
  ssr: {
    resolve: { conditions: ['@ringfence/source', 'module', 'node', 'development|production'] },
  },
  test: {
    // Installed and run by itself.
    exclude: ['**/node_modules/**', 'examples/foreign-agents/**'],
    setupFiles: ['./scripts/no-console.ts'],
    // Bounds what hangs, measures nothing: the machines are shared.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // By default a machine with two processors would use one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    execArgv: onNode ? ['--expose-gc'] : [],
    reporters: report === undefined ? terminal : [...terminal, ['json', { outputFile: report }]],
    projects: [
      {
        extends: true,
        test: {
          name: 'alone',
          include: [...alone, 'examples/*/test/**/*.test.ts', 'scripts/test/**/*.test.ts'],
        },
      },
      { extends: true, test: { name: 'together', isolate: false, include: together } },
      {
        extends: true,
        test: {
          name: 'types',
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            tsconfig: './tsconfig.test.json',
            include: ['packages/*/test/**/*.test-d.ts'],
          },
        },
      },
    ],
  },
})
