// The names that each entry point exports, as a runtime sees them from the installed tarballs.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from '../../scripts/packages.mjs'
import { printedBy, runInWorkerd } from '../workerd/bundle.mjs'
import { execute } from './execute.ts'

/** Per specifier: what it exports, or why it could not be imported. */
export type Exported = Record<string, string[] | string>

const installed = join(root, '.ci/runtimes/node_modules')
const node = (major: number): string[] => [join(installed, `node${major}/bin/node`)]

const commands: Record<string, string[]> = {
  'Node 20': node(20),
  'Node 22': node(22),
  'Node 24': node(24),
  'Node 26': node(26),
  Bun: [join(installed, 'bun/bin/bun')],
  Deno: [join(installed, 'deno/deno'), 'run', '--allow-all', '--node-modules-dir=manual'],
}

/** Every runtime the packages claim. */
export const runtimes: string[] = [...Object.keys(commands), 'workerd']

const program = (specifiers: string[]): string => `
const specifiers = ${JSON.stringify(specifiers)}
const namesOf = async (specifier) => {
  try { return Object.keys(await import(specifier)).sort() } catch (error) { return String(error?.stack ?? error) }
}
console.log(JSON.stringify(Object.fromEntries(await Promise.all(specifiers.map(async (specifier) => [specifier, await namesOf(specifier)])))))
`

const worker = (specifiers: string[]): string => `
${specifiers.map((specifier, index) => `import * as entry${index} from ${JSON.stringify(specifier)}`).join('\n')}
const entries = { ${specifiers.map((specifier, index) => `${JSON.stringify(specifier)}: entry${index}`).join(', ')} }
export default {
  test: () => console.log('EXPORTED ' + JSON.stringify(Object.fromEntries(Object.entries(entries).map(([specifier, entry]) => [specifier, Object.keys(entry).sort()])))),
}
`

const isExported = (value: unknown): value is Exported =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Imports `specifiers` on `runtime`, from the application in `folder`. */
export const importOn = async (
  runtime: string,
  specifiers: string[],
  folder: string,
): Promise<Exported> => {
  const [file, ...args] = commands[runtime] ?? []
  const path = join(folder, `imports-${runtime.replace(' ', '')}.mjs`)
  let answer: unknown
  if (file === undefined) {
    await writeFile(path, worker(specifiers))
    answer = printedBy(await runInWorkerd({ entry: path, from: folder }), 'EXPORTED')[0]
  } else {
    await writeFile(path, program(specifiers))
    answer = JSON.parse(await execute(file, [...args, path], { cwd: folder }))
  }
  if (!isExported(answer)) throw new Error(`${runtime} answered ${JSON.stringify(answer)}`)
  return answer
}
