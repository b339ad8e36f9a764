import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { onTestFinished } from 'vitest'
import * as z from 'zod'
import { proxies } from '../../../packages/server/test/support/proxy-process.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const workerd = process.env['RINGFENCE_WORKERD'] ?? installed()
const nginx = proxies.find(({ name }) => name === 'nginx')?.path

/** What is missing for these tests, or undefined. */
export const isMissing: string | undefined =
  workerd === undefined
    ? 'no workerd is installed'
    : nginx === undefined
      ? 'no nginx is installed'
      : undefined

/** The workerd that the matrix of runtimes uses, if that is installed. */
function installed(): string | undefined {
  const path = join(root, '../../.ci/runtimes/node_modules/workerd/bin/workerd')
  return existsSync(path) ? path : undefined
}

/** Builds the worker as the README does, and gives the folder that workerd starts from. */
export async function buildWorker(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ringfence-edge-'))
  await build({
    root,
    logLevel: 'error',
    // Where the tests run, `development` would be among the conditions.
    mode: 'production',
    build: { outDir: join(folder, 'dist') },
  })
  await copyFile(join(root, 'workerd.capnp'), join(folder, 'workerd.capnp'))
  return folder
}

const listening = z.object({ socket: z.literal('http'), port: z.int() })

export interface IsolateProcess {
  readonly port: number
  /** Asks it to end, and gives its exit code. */
  end(): Promise<number | null>
}

/** Starts a workerd of one isolate; it ends with the test. */
export async function startIsolate(
  folder: string,
  bindings: Record<string, string>,
): Promise<IsolateProcess> {
  const started = spawn(
    workerd ?? 'workerd',
    ['serve', 'workerd.capnp', '--socket-addr', 'http=127.0.0.1:0', '--control-fd=3'],
    { cwd: folder, env: bindings, stdio: ['ignore', 'ignore', 'pipe', 'pipe'] },
  )
  const [, , errors, control] = started.stdio
  if (!(errors instanceof Readable) || !(control instanceof Readable)) {
    throw new Error('workerd has no control descriptor')
  }
  let said = ''
  errors.on('data', (data) => {
    said += String(data)
  })
  const exited = once(started, 'exit')
  onTestFinished(async () => {
    started.kill('SIGKILL')
    await exited
  })
  const line = await Promise.race([once(control, 'data'), exited.then(() => undefined)])
  if (line === undefined) throw new Error(`workerd did not start: ${said}`)
  const { port } = listening.parse(JSON.parse(String(line[0])))
  return {
    port,
    async end() {
      started.kill('SIGTERM')
      await exited
      return started.exitCode
    },
  }
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
}
