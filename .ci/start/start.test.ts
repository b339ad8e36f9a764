import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { root } from '../../scripts/packages.mjs'
import { execute } from '../tarball/execute.ts'

type Started = ChildProcessByStdio<null, Readable, Readable>

const groups = new Set<number>()

/** Starts a program as the leader of a process group, as a terminal does. */
const start = (file: string, args: string[]): Started => {
  const env: NodeJS.ProcessEnv = { ...process.env, PORT: '0' }
  delete env['CI']
  const child = spawn(file, args, {
    cwd: root,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  groups.add(Number(child.pid))
  return child
}

const isAlive = (group: number): boolean => {
  try {
    return process.kill(-group, 0)
  } catch {
    return false
  }
}

afterEach(() => {
  for (const group of groups) if (isAlive(group)) process.kill(-group, 'SIGKILL')
  groups.clear()
})

/** What it prints until `wanted` is among it. Goes on reading, so that it can go on printing. */
const printedUntil = (child: Started, wanted: RegExp): Promise<string> =>
  new Promise((resolve, reject) => {
    let printed = ''
    let complaints = ''
    child.stderr.on('data', (chunk) => (complaints += String(chunk)))
    child.stdout.on('data', (chunk) => {
      printed += String(chunk)
      if (wanted.test(printed)) resolve(printed)
    })
    child.once('close', () => {
      reject(new Error(`It ended without ${String(wanted)} in:\n${printed}\n${complaints}`))
    })
  })

const address = /http:\/\/127\.0\.0\.1:\d+/
const command = /^\s*curl (?:.*\\\n)*.*\n/m

const changed = (): Promise<string> => execute('git', ['status', '--porcelain'], { cwd: root })

test('the one command serves, its curl works as printed, and Ctrl-C leaves no process and no file', async () => {
  const before = await changed()
  const npx = start('npx', ['-y', 'pnpm@12', 'start'])
  const ended = once(npx, 'exit')
  const printed = await printedUntil(npx, command)
  const url = address.exec(printed)?.[0] ?? ''
  const page = await fetch(url)
  expect(page.status).toBe(200)
  expect(page.headers.get('content-type')).toContain('text/html')
  expect((await fetch(`${url}/livez`)).status).toBe(200)

  const curl = command.exec(printed)?.[0] ?? ''
  const answer = await execute('bash', ['-euo', 'pipefail', '-c', curl], { cwd: root })
  expect(answer).not.toBe('')

  process.kill(-Number(npx.pid), 'SIGINT')
  await ended
  await expect.poll(() => isAlive(Number(npx.pid)), { timeout: 10_000 }).toBe(false)
  await expect(fetch(url)).rejects.toThrow('fetch failed')
  expect(await changed()).toBe(before)
})

test('SIGTERM to the server process drains it and ends it with 0', async () => {
  const server = start(process.execPath, ['examples/workload-analyst/dist/main.js'])
  const ended = once(server, 'exit')
  const url = address.exec(await printedUntil(server, command))?.[0] ?? ''
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
  server.kill('SIGTERM')
  await expect(ended).resolves.toEqual([0, null])
  await expect(fetch(url)).rejects.toThrow('fetch failed')
})
