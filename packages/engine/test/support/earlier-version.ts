import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** The last commit whose tables were of version 3. */
const commit = '59978274128cb208fc78a0d2d0945a989bbd5434'

/** Whether the history of this clone goes back that far. */
export const hasEarlierVersion: boolean =
  spawnSync('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: root }).status === 0

export const skippedWithoutEarlierVersion: string = hasEarlierVersion
  ? ''
  : 'skipped: the history of this clone does not go back to the version before: '

/**
 * Lays out the packages as they were, with a script of today's beside their tests, and the dependencies that are installed.
 * Resolves with the path of the script there.
 */
export function layOutEarlierVersion(folder: string, script: string): string {
  const archive = execFileSync('git', ['archive', commit, 'packages/context', 'packages/engine'], {
    cwd: root,
    maxBuffer: 100_000_000,
  })
  execFileSync('tar', ['-x', '-C', folder], { input: archive })
  for (const name of ['context', 'engine']) {
    link(
      join(root, 'packages', name, 'node_modules'),
      join(folder, 'packages', name, 'node_modules'),
    )
  }
  const target = join(folder, 'packages/engine/test/support', script)
  cpSync(join(root, 'packages/engine/test/support', script), target)
  return target
}

/** Links what is installed, except that the workspace's own packages are those of the folder. */
function link(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) {
    if (name.startsWith('.')) continue
    if (name !== '@ringfence') {
      symlinkSync(join(from, name), join(to, name))
      continue
    }
    mkdirSync(join(to, name))
    for (const own of readdirSync(join(from, name))) {
      symlinkSync(join('../../..', own), join(to, name, own))
    }
  }
}
