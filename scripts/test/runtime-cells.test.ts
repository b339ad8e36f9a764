import { expect, test } from 'vitest'
import { between, markdownTable, packageCell, ruleCell, rulesCell } from '../runtime-cells.mjs'
import type { FileResult } from '../runtime-cells.mjs'

const results = (files: Record<string, Record<string, string>>): Map<string, FileResult> =>
  new Map(
    Object.entries(files).map(([name, tests]) => [
      name,
      {
        name,
        status: Object.values(tests).includes('failed') ? 'failed' : 'passed',
        assertionResults: Object.entries(tests).map(([title, status]) => ({ title, status })),
      },
    ]),
  )
const passed = { 'a claim': 'passed' }

test.each<[string, Record<string, Record<string, string>>]>([
  ['–', {}],
  ['–', { 'a.test.ts': { 'a claim': 'skipped' } }],
  ['some tests', { 'b.node.test.ts': passed }],
  ['portable tests', { 'a.test.ts': passed }],
  ['all tests', { 'a.test.ts': passed, 'b.node.test.ts': passed }],
  ['fails', { 'a.test.ts': { 'a claim': 'failed' }, 'b.node.test.ts': passed }],
])('a package of which so much ran is told as: %s', (cell, files) => {
  expect(packageCell(['a.test.ts', 'b.node.test.ts'], results(files))).toBe(cell)
})

test.each<[string, Record<string, string>]>([
  ['yes', { 'semantics 2: kept': 'passed', 'semantics 2, the platform: odd': 'passed' }],
  ['exempt', { 'semantics 2: kept': 'passed', 'semantics 2, not on Bun: odd': 'passed' }],
  ['fails', { 'semantics 2: kept': 'passed', 'semantics 2: also kept': 'failed' }],
  ['–', { 'semantics 2, the platform: odd': 'passed' }],
  ['–', { 'semantics 22: kept': 'passed', 'something else': 'passed' }],
  ['–', { 'semantics 2: kept': 'skipped' }],
])('a rule is %s', (cell, tests) => {
  expect(ruleCell(2, results({ 'a.test.ts': tests }))).toBe(cell)
})

test('all rules are told in one cell', () => {
  expect(rulesCell(['yes', 'yes'])).toBe('all 2')
  expect(rulesCell(['yes', 'exempt'])).toBe('1, 1 exempt')
  expect(rulesCell(['yes', '–', 'exempt'])).toBe('2 of 3')
  expect(rulesCell(['yes', '–', 'fails'])).toBe('fails')
})

test('a table goes between its markers and nowhere else', () => {
  const [begin, end] = [
    '<!-- runtimes: written by scripts/runtime-table.mjs -->',
    '<!-- /runtimes -->',
  ]
  const table = markdownTable(['', 'Bun'], [['1', 'yes']])
  const page = between(`before\n${begin}\nold\n${end}\nafter`, table)
  expect(page).toBe(`before\n${begin}\n\n|  | Bun |\n| --- | --- |\n| 1 | yes |\n\n${end}\nafter`)
  expect(between(page, table)).toBe(page)
  expect(() => between('no markers', table)).toThrow('There is no')
})
