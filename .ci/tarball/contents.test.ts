import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { publishedPackages, root } from '../../scripts/packages.mjs'
import { execute } from './execute.ts'

const bin = (name: string): string => join(root, 'node_modules/.bin', name)

test.each(publishedPackages())(
  '$name ships what its manifest promises',
  async ({ name, manifest }) => {
    const tarball = inject('tarballs')[name] ?? ''
    const files = (await execute('tar', ['-tzf', tarball], { cwd: root })).trim().split('\n')
    for (const file of [
      'LICENSE',
      'README.md',
      'bundle/index.js',
      'dist/index.d.ts',
      'src/index.ts',
    ]) {
      expect(files).toContain(`package/${file}`)
    }
    expect(files.filter((file) => /tsbuildinfo|\.test\.|node_modules/.test(file))).toEqual([])
    const packed: unknown = JSON.parse(
      await execute('tar', ['-xzOf', tarball, 'package/package.json'], { cwd: root }),
    )
    expect(packed).toMatchObject({ name, version: manifest['version'] })
    expect(JSON.stringify(packed)).not.toContain('workspace:')
    // What it was built from is one file for each entry point: a hundred small ones take longer to find than to run.
    expect(files.filter((file) => /^package\/dist\/.*\.js$/.test(file))).toEqual([])
    const text = JSON.stringify(manifest['exports']).replaceAll('./dist/', './bundle/')
    const bundled = JSON.parse(text.replaceAll(/\.\/bundle\/([^"]*\.d\.ts)/g, './dist/$1'))
    expect(packed).toMatchObject({ exports: bundled })
  },
)

test.each(publishedPackages())('$name passes publint', async ({ name }) => {
  const tarball = inject('tarballs')[name] ?? ''
  const printed = execute(bin('publint'), ['run', tarball, '--strict'], { cwd: root })
  await expect(printed).resolves.toContain('All good!')
})

test.each(publishedPackages())('$name has the types of an ESM-only package', async ({ name }) => {
  const tarball = inject('tarballs')[name] ?? ''
  const printed = execute(bin('attw'), ['--profile', 'esm-only', tarball], { cwd: root })
  await expect(printed).resolves.toContain(`${name} v`)
})
