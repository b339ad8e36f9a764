// Type-checks the `ts` blocks of every README and of the packages' `docs`, as `readme-examples.ts` runs
// them: one program each.
//   node scripts/readme-types.mjs
// The programs live inside their package's node_modules for as long as the compiler reads them, because only from
// there do imports resolve as they do for the reader.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './packages.mjs'

const project = join(root, 'node_modules/.readme-types')
const owners = [
  '.',
  ...['packages', 'examples'].flatMap((group) =>
    readdirSync(join(root, group), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(group, name)),
  ),
]
const folderOf = (owner) => join(root, owner, 'node_modules/.readme-types')
const docsOf = (owner) => {
  const docs = join(root, owner, 'docs')
  if (owner === '.' || !existsSync(docs)) return []
  return readdirSync(docs).filter((name) => name.endsWith('.md'))
}
const pages = owners.flatMap((owner) =>
  ['README.md', ...docsOf(owner).map((name) => join('docs', name))]
    .map((page) => ({ owner, file: join(owner, page) }))
    .filter(({ file }) => existsSync(join(root, file))),
)

/** The file's `ts` blocks on the README's own lines, everything else left blank. */
const programOf = (markdown) => {
  let inside = false
  return markdown
    .split('\n')
    .map((line) => {
      if (!line.startsWith('```')) return inside ? line : ''
      inside = !inside && line === '```ts'
      return ''
    })
    .join('\n')
}

const clear = () => {
  for (const owner of owners) rmSync(folderOf(owner), { recursive: true, force: true })
}
clear()
mkdirSync(project, { recursive: true })
try {
  const files = pages.map(({ owner, file }) => {
    const program = join(folderOf(owner), `${file.replaceAll('/', '-')}.ts`)
    mkdirSync(folderOf(owner), { recursive: true })
    writeFileSync(program, `${programOf(readFileSync(join(root, file), 'utf8'))}\nexport {}\n`)
    return program
  })
  const compilerOptions = {
    composite: false,
    declarationMap: false,
    sourceMap: false,
    isolatedDeclarations: false,
    noEmit: true,
    noUnusedLocals: false,
    noUnusedParameters: false,
    rootDir: root,
  }
  const configuration = join(project, 'tsconfig.json')
  writeFileSync(
    configuration,
    JSON.stringify({ extends: '../../tsconfig.base.json', compilerOptions, include: [], files }),
  )
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const run = spawnSync(process.execPath, [compiler, '-p', configuration, '--pretty', 'false'], {
    encoding: 'utf8',
  })
  const printed = run.stdout.replaceAll(
    /^.*\.readme-types\/(.*)\.ts\(/gm,
    (_, name) => `${name.replaceAll('-', '/')}(`,
  )
  process.stdout.write(
    run.status === 0 ? `READMEs and docs: ${pages.length} type-checked\n` : printed + run.stderr,
  )
  process.exitCode = run.status ?? 1
} finally {
  clear()
}
