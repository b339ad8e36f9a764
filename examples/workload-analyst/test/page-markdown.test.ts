import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Block, parseInline, parseMarkdown, textOf } from '../page/markdown.ts'
import { analyzeLog } from './logs.ts'
import { displayName, escapeMarkdown, generateSampleLog } from '../src/index.ts'

const cells = (block: Block | undefined): string[][] =>
  block?.kind === 'table' ? [block.head, ...block.rows].map((row) => row.map(textOf)) : []

test('headings, paragraphs, quotes, code and rules are told apart', () => {
  const blocks = parseMarkdown(
    '# One\n\ntwo\nthree\n\n> four\n\n```\nfive *six*\n```\n\n---\n## Seven ##',
  )
  expect(blocks.map(({ kind }) => kind)).toEqual([
    'heading',
    'paragraph',
    'quote',
    'code',
    'rule',
    'heading',
  ])
  expect(blocks[1]).toEqual({ kind: 'paragraph', children: [{ kind: 'text', text: 'two three' }] })
  expect(blocks[3]).toEqual({ kind: 'code', text: 'five *six*' })
})

test('a list keeps its kind and its items', () => {
  const [bullets, numbers] = parseMarkdown('- a\n- b\n  more\n\n1. c\n2. **d** e')
  expect(bullets).toMatchObject({ kind: 'list', ordered: false })
  expect(numbers).toMatchObject({ kind: 'list', ordered: true })
  const items = [bullets, numbers].flatMap((block) => (block?.kind === 'list' ? block.items : []))
  expect(items.map(textOf)).toEqual(['a', 'b more', 'c', 'd e'])
})

test('a table has alignments, and a bar after a backslash stays in its cell', () => {
  const [table] = parseMarkdown('| a | b |\n| --- | ---: |\n| x \\| y | 1 |')
  expect(table).toMatchObject({ kind: 'table', alignments: ['left', 'right'] })
  expect(cells(table)).toEqual([
    ['a', 'b'],
    ['x | y', '1'],
  ])
})

test.each([
  ['**bold** and *soft* and `co*de`', ['strong', 'text', 'emphasis', 'text', 'code']],
  ['snake_case_name', ['text']],
  ['a ** b', ['text']],
  ['**open', ['text']],
  ['[x](javascript:alert(1))', ['text']],
  ['<img src=x onerror=alert(1)>', ['text']],
  ['![x](http://elsewhere.example/x.png)', ['text']],
])('%s is read as %j', (source, kinds) => {
  expect(parseInline(source).map(({ kind }) => kind)).toEqual(kinds)
})

test('what the report escapes is shown as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (name) => {
      const shown = displayName(name)
      expect(textOf(parseInline(escapeMarkdown(shown)))).toBe(shown)
    }),
  )
})

test('an escaped name is one piece of text wherever it stands', () => {
  const marks = fc.string({
    unit: fc.constantFrom('*', '_', '`', '\\', '|', '&lt;', '<b>', 'a', ' '),
  })
  fc.assert(
    fc.property(marks, (name) => {
      const shown = displayName(name)
      fc.pre(shown !== '')
      const [table] = parseMarkdown(
        `| a | b |\n| --- | --- |\n| ${escapeMarkdown(shown)} | **1** |`,
      )
      expect(cells(table)[1]).toEqual([shown, '1'])
    }),
  )
})

test('any text is read to its end, without an error', () => {
  const unit = fc.constantFrom('#', '-', '|', '*', '_', '`', '>', '1.', ' ', '\n', 'a', '\\', '~')
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 200 }), (source) => {
      expect(Array.isArray(parseMarkdown(source))).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('a real report becomes headings, tables and lists, and nothing of its marks is left', async () => {
  const log = generateSampleLog({ seed: 5, calls: 400, profile: 'support-chat' })
  const blocks = parseMarkdown((await analyzeLog(log)).report)
  const kinds = new Set(blocks.map(({ kind }) => kind))
  expect(kinds).toEqual(new Set(['heading', 'paragraph', 'table', 'list']))
  const paragraphs = blocks.flatMap((block) =>
    block.kind === 'paragraph' ? [textOf(block.children)] : [],
  )
  expect(paragraphs.length).toBeGreaterThan(3)
  for (const paragraph of paragraphs) expect(paragraph).not.toMatch(/\*\*|&lt;|^\||\\/)
})
