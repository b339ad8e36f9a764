import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { type PageDirectories, pageDirectories } from '../../src/host/page-files.ts'

/** The page's modules, compiled into a directory of their own. */
export interface CompiledPage {
  readonly directories: PageDirectories
  remove(): Promise<void>
}

/** Compiles the page beside what `start` compiles, so that tests need no build and disturb none. */
export const compilePage = async (): Promise<CompiledPage> => {
  const directory = await mkdtemp(join(tmpdir(), 'workload-analyst-page-'))
  const root = new URL('../../../../', import.meta.url)
  const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root))
  const project = fileURLToPath(new URL('tsconfig.json', pageDirectories.static))
  const state = join(directory, '.tsbuildinfo')
  await promisify(execFile)(process.execPath, [
    tsc,
    '-p',
    project,
    '--outDir',
    directory,
    '--tsBuildInfoFile',
    state,
  ])
  return {
    directories: { ...pageDirectories, modules: pathToFileURL(`${directory}/`) },
    remove: () => rm(directory, { recursive: true }),
  }
}
