import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8')

/** The first cell of every row of every table, where it is code. */
const codesOf = (page: string): string[] =>
  [...page.matchAll(/^\| `([A-Z_]+)` +\|/gm)].map(([, code = '']) => code)

describe('the page about errors', () => {
  test('names every code of the types, once, and no other', async () => {
    const files = ['errors', 'argument-error', 'envelope/envelope-error', 'ports/port-error']
    const sources = await Promise.all(files.map((file) => read(`../src/${file}.ts`)))
    // The members of the unions, and the one code that is a constant.
    const codes = sources.flatMap((source) => [
      ...[...source.matchAll(/^ +\| '([A-Z_]+)'$/gm)].map(([, code]) => code),
      ...[...source.matchAll(/code = '([A-Z_]+)'/g)].map(([, code]) => code),
      ...[...source.matchAll(/type PortErrorCode = (.+)$/gm)].flatMap(([, union = '']) =>
        [...union.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code),
      ),
    ])
    expect(codes.length).toBeGreaterThan(30)
    expect(codesOf(await read('../docs/errors.md')).toSorted()).toEqual(codes.toSorted())
  })

  test('says of each what happened, where, and what to do', async () => {
    const page = await read('../docs/errors.md')
    const rows = page.split('\n').filter((line) => /^\| `[A-Z_]+` /.test(line))
    for (const row of rows) {
      const cells = row.split('|').slice(1, -1)
      expect([row, cells.filter((cell) => cell.trim() !== '').length]).toEqual([row, 4])
    }
  })

  test('its example runs', async () => {
    await expect(import('../docs/errors.md?examples.ts')).resolves.toBeDefined()
  })
})

test('every row of the comparison of lifecycles names a test that there is', async () => {
  const rows = (await read('../docs/lifecycle.md'))
    .split('\n')
    .filter(
      (line) => line.startsWith('| ') && !line.startsWith('| question') && !line.includes('---'),
    )
  expect(rows.length).toBeGreaterThan(20)
  for (const row of rows) {
    const [, file = '', title = ''] = /`([\w.-]+)`: ([^|]+?) +\|$/.exec(row) ?? []
    const source = await read(`./${file}.test.ts`).catch(() => '')
    expect([row, title !== '' && source.includes(`'${title}'`)]).toEqual([row, true])
  }
})
