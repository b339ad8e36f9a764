import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('the closing line counts a console write and a file that does not load as failures', () => {
  const vitest = join(import.meta.dirname, '../../node_modules/vitest/vitest.mjs')
  const config = join(import.meta.dirname, 'fixture/vitest.config.ts')
  const run = spawnSync(process.execPath, [vitest, 'run', '--config', config], { encoding: 'utf8' })
  expect(run.stdout).toContain('tests: 1 passed, 2 failed, 1 skipped\n')
  expect(run.status).toBe(1)
})
