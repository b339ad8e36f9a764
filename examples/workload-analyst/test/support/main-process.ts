import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const root = new URL('../../../../', import.meta.url)
const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const bundle = fileURLToPath(new URL('../../dist/bundle.js', import.meta.url))

/** Compiles the example as `start` does. Throws with what the compiler said. */
export const build = (): void => {
  const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root))
  for (const args of [[tsc, '-b', 'examples/workload-analyst'], [bundle]]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: root,
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`${stdout}${stderr}`)
  }
}

/** The example as a process of its own, in a process group of its own. */
export interface MainProcess {
  readonly child: ChildProcess
  /** All that was written so far. */
  readonly output: () => string
  readonly errors: () => string
  /** Resolves when the text was written to either output. Rejects when the process ends before. */
  said(text: string | RegExp): Promise<string>
  /** The exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | string>
  /** Whether any process of its group is left. */
  hasOrphans(): boolean
  /** Ends what is left of its group. */
  kill(): void
}

export const startMain = (
  variables: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): MainProcess => {
  const child = spawn(process.execPath, [main, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], PORT: '0', ...variables },
  })
  let output = ''
  let errors = ''
  const waiting = new Set<() => void>()
  const told = (): void => {
    for (const check of waiting) check()
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    told()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
    told()
  })
  const ended = once(child, 'close').then(([code, signal]: unknown[]) =>
    typeof code === 'number' ? code : String(signal),
  )
  const signalGroup = (signal: NodeJS.Signals | 0): boolean => {
    try {
      return child.pid !== undefined && process.kill(-child.pid, signal)
    } catch {
      return false
    }
  }

  return {
    child,
    output: () => output,
    errors: () => errors,
    ended,
    said: (text) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const found = [output, errors].find((written) => written.search(text) !== -1)
          if (found === undefined) return
          waiting.delete(check)
          resolve(found)
        }
        waiting.add(check)
        check()
        void ended.then(() => reject(new Error(`It ended without saying it. ${output}${errors}`)))
      }),
    hasOrphans: () => signalGroup(0),
    kill: () => void signalGroup('SIGKILL'),
  }
}
