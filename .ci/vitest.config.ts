// What a newcomer's commands do, and what the published packages are to somebody who installs them.
import { defineConfig } from 'vitest/config'
import { closingLine } from '../scripts/closing-line.ts'

const report = process.env['RINGFENCE_TEST_REPORT']
const terminal: ['verbose', typeof closingLine] = ['verbose', closingLine]

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['{start,tarball}/*.test.ts'],
    globalSetup: ['./tarball/install-consumer.ts'],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    maxWorkers: 1,
    reporters: report === undefined ? terminal : [...terminal, ['json', { outputFile: report }]],
  },
})
