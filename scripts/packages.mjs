import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the repository. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** @returns {Record<string, { types: string }>} */
const exportsOf = (manifest) => manifest.exports

/** @returns {import("./packages.d.mts").PublishedPackage[]} */
export const publishedPackages = () =>
  readdirSync(join(root, 'packages')).map((short) => {
    const folder = join(root, 'packages', short)
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const entries = Object.entries(exportsOf(manifest))
      .filter(([subpath]) => subpath !== './package.json')
      .map(([subpath, target]) => ({
        subpath,
        specifier: manifest.name + subpath.slice(1),
        types: join(folder, target.types),
      }))
    return { name: manifest.name, short, folder, manifest, entries }
  })
