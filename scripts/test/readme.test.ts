import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('the program at the top of the README does what it says', async () => {
  await expect(import('../../README.md?examples.ts')).resolves.toBeDefined()
})

const foldersIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name))

/** What a reader reads: the pages at the top, of each package and of each example, and their `docs`. */
const pages = ['.', 'examples', ...['packages', 'examples'].flatMap(foldersIn)]
  .flatMap((folder) => [folder, join(folder, 'docs'), join(folder, 'docs/decisions')])
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(folder, name)))
  .filter((page) => page.endsWith('.md'))

test('every link of a page to a file of the repository leads to one', () => {
  const broken = pages.flatMap((page) =>
    [...readFileSync(join(root, page), 'utf8').matchAll(/\]\(([^)#\s]+)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => !existsSync(join(root, dirname(page), target)))
      .map((target) => `${page}: ${target}`),
  )
  expect(pages.length).toBeGreaterThan(30)
  expect(broken).toEqual([])
})
