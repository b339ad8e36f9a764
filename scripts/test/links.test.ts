import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter(Boolean)

const textOf = (page: string) =>
  readFileSync(join(root, page), 'utf8').replaceAll(/^```.*?^```/gmsu, '')

/** As GitHub names the headings of a page. */
const anchorsOf = (page: string) =>
  [...textOf(page).matchAll(/^#+ (?<heading>.+)$/gmu)].map(({ groups }) =>
    (groups?.['heading'] ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-'),
  )

/** The links of a page into the repository, and where they lead to. */
const linksOf = (page: string) =>
  [...textOf(page).matchAll(/\]\((?<link>[^)\s]+)\)/gu)]
    .map(({ groups }) => groups?.['link'] ?? '')
    .filter((link) => !/^[a-z]+:/u.test(link) && !link.includes('*'))
    .map((link) => {
      const [path = '', anchor] = link.split('#')
      return { link, anchor, file: path === '' ? page : join(dirname(page), path) }
    })

test('every link of a page into the repository leads to a file, and to a heading of it', () => {
  const links = pages.flatMap((page) => linksOf(page).map((link) => ({ page, ...link })))
  const broken = links.filter(
    ({ file, anchor }) =>
      !existsSync(join(root, file)) ||
      (anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).includes(anchor)),
  )
  expect(broken.map(({ page, link }) => `${page}: ${link}`)).toEqual([])
  expect(links.length).toBeGreaterThan(100)
})
