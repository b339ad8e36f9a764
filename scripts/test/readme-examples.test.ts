import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readmeExamples } from '../readme-examples.ts'

const programOf = async (markdown: string): Promise<string | undefined> => {
  const folder = await mkdtemp(join(tmpdir(), 'readme-'))
  const file = join(folder, 'README.md')
  await writeFile(file, markdown)
  try {
    return readmeExamples().load(`${file}?examples.ts`)
  } finally {
    await rm(folder, { recursive: true })
  }
}

const block = (code: string): string => `# Title\n\n\`\`\`ts\n${code}\n\`\`\`\n`

test('a README runs as one program', async () => {
  await expect(import('./sample/README.md?examples.ts')).resolves.toBeDefined()
})

test.each([
  ['1 + 1 // => 2', 'expectExample(1 + 1).toEqual(2)'],
  ['  f(); // => { a: 1 }', '  expectExample(f()).toEqual({ a: 1 })'],
  ['console.log(f(1)) // => 1', 'expectExample(f(1)).toEqual(1)'],
  ['const a = f() // => 1', 'const a = f(); expectExample(a).toEqual(1)'],
  ['f() // a remark', 'f() // a remark'],
])('%s becomes %s', async (line, expected) => {
  const program = await programOf(block(line))
  expect(program?.split('\n')[3]).toBe(expected)
})

test('a README without a block to run is an error', async () => {
  await expect(programOf('# Title\n\n```ts no-run\nf()\n```\n')).rejects.toThrow(
    'has no `ts` block',
  )
})

test('a module that is no README is left to others', () => {
  expect(readmeExamples().load('/a/README.md')).toBeUndefined()
})
