import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

const page = new URL('../docs/shared-primitives.md', import.meta.url)
const installed = (name: string): URL =>
  new URL(`../node_modules/${name}/package.json`, import.meta.url)

test('every example of the page holds', async () => {
  await expect(import('../docs/shared-primitives.md?examples.ts')).resolves.toBeDefined()
})

test('the versions of the page are the ones that were measured', async () => {
  const rows = [...(await readFile(page, 'utf8')).matchAll(/^\| ([a-z-]+) +\| (\d\S+) +\|/gm)]
  expect(rows).toHaveLength(10)
  for (const [, name = '', version = ''] of rows) {
    const alias = `${name}-${version.split('.')[0]}`
    const manifests = await Promise.all(
      [name, alias].map((folder) => readFile(installed(folder), 'utf8').catch(() => '{}')),
    )
    const versions = manifests.map((manifest): unknown => JSON.parse(manifest))
    expect(versions).toContainEqual(expect.objectContaining({ name, version }))
  }
})
