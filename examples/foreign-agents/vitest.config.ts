import { defineConfig } from 'vitest/config'

const report = process.env['RINGFENCE_TEST_REPORT']

export default defineConfig({
  root: import.meta.dirname,
  // The packages' sources, as in the workspace: no build.
  ssr: {
    resolve: { conditions: ['@ringfence/source', 'module', 'node', 'development|production'] },
  },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
})
