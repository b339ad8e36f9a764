import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the repository. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * The published packages: folder, manifest, and the entry points their `exports` declare.
 * @returns {{ name: string, short: string, folder: string, manifest: Record<string, any>, entries: { subpath: string, specifier: string, types: string }[] }[]}
 */
export const publishedPackages = () =>
  readdirSync(join(root, 'packages')).map((short) => {
    const folder = join(root, 'packages', short)
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const entries = Object.entries(manifest.exports)
      .filter(([subpath]) => subpath !== './package.json')
      .map(([subpath, target]) => ({
        subpath,
        specifier: manifest.name + subpath.slice(1),
        types: join(folder, /** @type {{ types: string }} */ (target).types),
      }))
    return { name: manifest.name, short, folder, manifest, entries }
  })
