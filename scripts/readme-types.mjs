// Type-checks the `ts` blocks of every README as `readme-examples.ts` runs them: one program each.
//   node scripts/readme-types.mjs
// The programs live inside node_modules for as long as the compiler reads them, because only from
// there do imports resolve as they do for the reader.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './packages.mjs'

const folder = join(root, 'node_modules/.readme-types')
const readmes = [
  '.',
  ...['packages', 'examples'].flatMap((group) =>
    readdirSync(join(root, group)).map((name) => join(group, name)),
  ),
]
  .map((path) => join(path, 'README.md'))
  .filter((file) => existsSync(join(root, file)))

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

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder)
try {
  const files = readmes.map((file) => {
    const program = join(folder, `${file.replaceAll('/', '-')}.ts`)
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
  const project = join(folder, 'tsconfig.json')
  writeFileSync(
    project,
    JSON.stringify({ extends: '../../tsconfig.base.json', compilerOptions, include: [], files }),
  )
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const run = spawnSync(process.execPath, [compiler, '-p', project, '--pretty', 'false'], {
    encoding: 'utf8',
  })
  const printed = run.stdout.replaceAll(
    /^.*\.readme-types\/(.*)\.ts\(/gm,
    (_, name) => `${name.replaceAll('-', '/')}(`,
  )
  process.stdout.write(
    run.status === 0 ? `READMEs: ${readmes.length} type-checked\n` : printed + run.stderr,
  )
  process.exitCode = run.status ?? 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
