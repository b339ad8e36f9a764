// What a package is published as: one file for each of its entry points, and what they share. A program that imports a
// hundred small files spends more on finding them than on what is in them.
//   node scripts/bundle.mjs <context|engine|server>     into packages/<name>/bundle; `pnpm pack` calls it
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { publishedPackages } from './packages.mjs'

const [wanted] = process.argv.slice(2)
const published = publishedPackages().find(({ short }) => short === wanted)
if (published === undefined) throw new Error(`No package is called "${wanted}".`)
const { folder, manifest } = published

const bundle = join(folder, 'bundle')
const built = /^\.\/dist\/(.*)\.js$/
const nameOf = (file) => built.exec(file)[1]

const input = Object.fromEntries([
  ...Object.values(manifest.exports)
    .filter((target) => typeof target === 'object')
    .map((target) => [nameOf(target.default), join(folder, target['@ringfence/source'])]),
  ...Object.values(manifest.bin ?? {}).map((file) => [
    nameOf(file),
    join(folder, 'src', `${nameOf(file)}.ts`),
  ]),
])

await rm(bundle, { recursive: true, force: true })
const program = await rolldown({
  input,
  // What is another package's stays there: one copy for all.
  external: (id) => !id.startsWith('.') && !id.startsWith('/'),
  platform: 'neutral',
  transform: { target: 'es2022' },
})
await program.write({
  dir: bundle,
  format: 'esm',
  sourcemap: true,
  // They stand in the sources and in the types, which come along.
  comments: { jsdoc: false },
  entryFileNames: '[name].js',
  chunkFileNames: 'shared/[name]-[hash].js',
})
