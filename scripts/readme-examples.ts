import { readFileSync } from 'node:fs'

/** The part of a vite plugin used here; vite itself is not a dependency of the workspace. */
interface SourcePlugin {
  name: string
  enforce: 'pre'
  load(id: string): string | undefined
}

/**
 * Loads `README.md?examples.ts` as one program made of the file's `ts` blocks, in order and with
 * the README's line numbers. A block that opens with `ts no-run` is left out. At the end of a line
 * `// => value` (also after `console.log(...)`) and `// throws CODE` become assertions.
 */
export const readmeExamples = (): SourcePlugin => ({
  name: 'readme-examples',
  enforce: 'pre',
  load(id) {
    const file = /^(.*\.md)\?examples\.ts$/.exec(id)?.[1]
    return file === undefined ? undefined : programOf(readFileSync(file, 'utf8'), file)
  },
})

const programOf = (markdown: string, file: string): string => {
  let inside = false
  let blocks = 0
  const lines = markdown.split('\n').map((line) => {
    if (!line.startsWith('```')) return inside ? withAssertion(line) : ''
    inside = !inside && line === '```ts'
    if (inside) blocks += 1
    return ''
  })
  if (blocks === 0) throw new Error(`${file} has no \`ts\` block to run.`)
  return `import { expect as expectExample } from 'vitest';${lines.join('\n')}`
}

const withAssertion = (line: string): string => {
  const [, indent = '', code = '', claim = '', wanted = ''] =
    /^(\s*)(\S.*?);?\s+\/\/ (=>|throws) (.+)$/.exec(line) ?? []
  if (claim === '') return line
  const value = /^console\.log\((.+)\)$/.exec(code)?.[1] ?? code
  const name = /^const (\w+)\b.* = /.exec(value)?.[1]
  if (claim === 'throws') return `${indent}${throwsCode(value, wanted.trim())}`
  if (name !== undefined) return `${indent}${value}; expectExample(${name}).toEqual(${wanted})`
  return `${indent}expectExample(${value}).toEqual(${wanted})`
}

const throwsCode = (code: string, wanted: string): string =>
  code.startsWith('await ')
    ? `await expectExample((async () => { ${code} })()).rejects.toMatchObject({ code: '${wanted}' })`
    : `expectExample(() => { ${code} }).toThrow(expectExample.objectContaining({ code: '${wanted}' }))`
