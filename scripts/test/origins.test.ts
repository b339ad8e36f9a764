import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const script = fileURLToPath(new URL('../origins.mjs', import.meta.url))
let root = ''

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'origins-'))
  mkdirSync(join(root, 'docs'))
  mkdirSync(join(root, 'packages/one/test'), { recursive: true })
})
afterEach(() => rmSync(root, { recursive: true }))

interface Row {
  readonly id: string
  readonly mark: 'K' | 'A' | 'D'
  readonly home?: string
  readonly decision?: string
}

function write(rows: readonly Row[], tests: string, lessons: readonly string[] = []): void {
  const table = {
    parts: [
      { was: 'Old', ours: 'New', rows: rows.map((row) => ({ was: 'was', ours: 'is', ...row })) },
    ],
    promises: [],
    guarantees: [],
    lessons: lessons.map((id) => ({ id, was: 'was', now: 'is' })),
  }
  writeFileSync(join(root, 'docs/origins.json'), JSON.stringify(table))
  writeFileSync(join(root, 'packages/one/test/one.test.ts'), tests)
}

function run(...parameters: readonly string[]): {
  readonly status: number | null
  readonly said: string
} {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [script, '--root', root, ...parameters],
    { encoding: 'utf8' },
  )
  return { status, said: stdout + stderr }
}

const page = (): string => readFileSync(join(root, 'docs/origins.md'), 'utf8')

// origins: L27
test('a row that is kept and has no test is a failure, and one that has is linked to it', () => {
  write([{ id: 'AIF-1', mark: 'K' }], '')
  expect(run()).toMatchObject({ status: 1 })
  expect(run().said).toContain('AIF-1 is kept, and no test names it')
  write([{ id: 'AIF-1', mark: 'K' }], "// origins: AIF-1\ntest('it holds', () => {})\n")
  expect(run()).toMatchObject({ status: 0 })
  expect(page()).toContain('[it holds](../packages/one/test/one.test.ts)')
  expect(page()).toContain('Every row that is kept has a test.')
})

test('the page must say what the tests say', () => {
  write([{ id: 'AIF-1', mark: 'K' }], "// origins: AIF-1\ntest('it holds', () => {})\n")
  expect(run('--check')).toMatchObject({ status: 1 })
  run()
  expect(run('--check')).toMatchObject({ status: 0 })
  write([{ id: 'AIF-1', mark: 'K' }], "// origins: AIF-1\ntest('it holds still', () => {})\n")
  expect(run('--check').said).toContain('differs')
})

test.each([
  [[{ id: 'A-1', mark: 'A' }], '', [], 'A-1 is changed, and has neither a test nor a reason'],
  [[{ id: 'A-1', mark: 'A', decision: 'docs/no.md' }], '', [], 'docs/no.md, which is not there'],
  [[], "// origins: X-9\ntest('it', () => {})\n", [], 'names X-9, which is not'],
  [[], '// origins: X-9\nconst nothing = 1\n', [], 'no test follows'],
  [[], '', ['L1'], 'L1 has no test'],
] as const)('%j with the tests %j is a failure', (rows, tests, lessons, problem) => {
  write(rows, tests, lessons)
  expect(run()).toMatchObject({ status: 1, said: expect.stringContaining(problem) })
})

test('what is not there yet is said to be, and what was dropped needs nothing', () => {
  write(
    [
      { id: 'K-1', mark: 'K', home: 'server' },
      { id: 'D-1', mark: 'D' },
    ],
    '',
  )
  expect(run()).toMatchObject({ status: 0 })
  expect(page()).toContain('not yet (server)')
  expect(page()).toContain('Not there yet: K-1.')
})

test('the title is found past the cases of a test.each and past a seed', () => {
  const tests = [
    '// origins: K-1',
    "test.each([['a', 1], ['b', 2]])(",
    '  `%s runs (RINGFENCE_TEST_SEED=${seed})`,',
    '  async (name) => {},',
    ')',
  ]
  write([{ id: 'K-1', mark: 'K' }], tests.join('\n'))
  expect(run()).toMatchObject({ status: 0 })
  expect(page()).toContain('[… runs](')
})
