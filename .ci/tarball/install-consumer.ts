// Packs the published packages and installs them in a plain npm workspace where pnpm is not to be found.
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { existsSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { publishedPackages, root } from '../../scripts/packages.mjs'
import { execute } from './execute.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where the consumer's npm workspace is. */
    consumer: string
    /** The packed packages: name to tarball. */
    tarballs: Record<string, string>
    /** A search path with Node and npm, and without pnpm. */
    path: string
  }
}

const withoutPnpm = async (folder: string): Promise<string> => {
  const parts = (process.env['PATH'] ?? '').split(delimiter)
  const programs = join(folder, 'bin')
  await mkdir(programs)
  await symlink(process.execPath, join(programs, 'node'))
  for (const name of ['npm', 'npx']) {
    const found = parts.map((part) => join(part, name)).find((file) => existsSync(file))
    if (found === undefined) throw new Error(`${name} is not on PATH.`)
    await symlink(realpathSync(found), join(programs, name))
  }
  return [programs, ...parts.filter((part) => !existsSync(join(part, 'pnpm')))].join(delimiter)
}

/** Names the tarballs, and the peers that the packages' entry points ask their user for. */
const writeManifest = async (file: string, tarballs: Record<string, string>): Promise<void> => {
  const manifest = JSON.parse(await readFile(file, 'utf8'))
  for (const { manifest: published } of publishedPackages()) {
    manifest.dependencies = { ...Object(published['peerDependencies']), ...manifest.dependencies }
  }
  for (const [name, tarball] of Object.entries(tarballs)) {
    manifest.dependencies[name] = `file:${tarball}`
  }
  await writeFile(file, JSON.stringify(manifest))
}

export default async ({ provide }: TestProject): Promise<() => Promise<void>> => {
  const folder = await mkdtemp(join(tmpdir(), 'tarballs-'))
  await execute(
    process.execPath,
    [
      join(root, 'node_modules/typescript/bin/tsc'),
      '-b',
      ...publishedPackages().map(({ folder: path }) => path),
    ],
    { cwd: root },
  )
  const tarballs: Record<string, string> = {}
  for (const { name, folder: cwd } of publishedPackages()) {
    const target = join(folder, name.replace('/', '-'))
    await mkdir(target)
    await execute('npx', ['-y', 'pnpm@12.21.0', 'pack', '--pack-destination', target], { cwd })
    const [file] = await readdir(target)
    if (file === undefined) throw new Error(`${name} gave no tarball.`)
    tarballs[name] = join(target, file)
  }
  const consumer = join(folder, 'consumer')
  await cp(join(root, '.ci/tarball/consumer'), consumer, { recursive: true })
  await writeManifest(join(consumer, 'apps/agent-server/package.json'), tarballs)
  const path = await withoutPnpm(folder)
  await execute('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: consumer,
    env: { ...process.env, PATH: path },
  })
  provide('consumer', consumer)
  provide('tarballs', tarballs)
  provide('path', path)
  return () => rm(folder, { recursive: true, force: true })
}
