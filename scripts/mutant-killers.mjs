// docs/mutants.md: which test goes red when which guard is taken out. `mutants.mjs --write` writes it, and each run reads
// it, because the test that killed a mutant before is the one to ask first.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './packages.mjs'

const page = join(root, 'docs/mutants.md')
const opening = `# Mutants

Each row is a guard, and the test that went red when it was taken out of a copy of the tree.
\`npx -y pnpm@12 mutants --write\` writes this page.
`
/** What ends a name that has the seed of a run in it, which no other run has. */
const seed = / \(RINGFENCE_TEST_SEED=\d+\)/u
const bar = String.raw`\|`
const row = (texts) => `| ${texts.map((text) => text.replaceAll('|', bar)).join(' | ')} |`
const textsOf = (line) =>
  line
    .slice(2, -2)
    .split(' | ')
    .map((text) => text.replaceAll(bar, '|'))

/** @returns {Map<string, string>} the test that killed a mutant, by `package/mutant` */
export const readKillers = () => {
  const killers = new Map()
  let name = ''
  for (const line of existsSync(page) ? readFileSync(page, 'utf8').split('\n') : []) {
    if (line.startsWith('## ')) name = line.slice(3)
    else if (line.startsWith('| ')) {
      const [, mutant, killer] = textsOf(line)
      killers.set(`${name}/${mutant}`, killer)
    }
  }
  return killers
}

/** @param {Map<string, { invariant: string, name: string }[]>} mutants the tables of all packages, by package */
export const writeKillers = (mutants, killers) => {
  const sections = [...mutants].map(([name, table]) => {
    const rows = table.flatMap((mutant) => {
      const killer = killers.get(`${name}/${mutant.name}`)
      return killer === undefined ? [] : [row([mutant.invariant, mutant.name, killer])]
    })
    return `## ${name}\n\n${[row(['guards', 'mutant', 'killed by']), row(['---', '---', '---']), ...rows].join('\n')}\n`
  })
  writeFileSync(page, [opening, ...sections].join('\n'))
}

/** What vitest is to look for: it puts a space where it tells an arrow between the parts of a name. */
export const killerPattern = (killer) =>
  new RegExp(
    killer
      .replace(seed, '')
      .replaceAll(/[$()*+.?[\\\]^{|}]/gu, String.raw`\$&`)
      .replaceAll(' > ', ' '),
    'u',
  )
export const withoutSeed = (killer) => killer.replace(seed, '')
