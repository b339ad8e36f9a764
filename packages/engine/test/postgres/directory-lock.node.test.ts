import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lockDirectory } from '../../src/postgres/embedded/directory-lock.ts'
import { engineError } from '../support/caught.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringfence-lock-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** More than any process here can have. */
const nobody = 4_194_305

const holder = (pid: number, host: string = hostname()): string =>
  JSON.stringify({ pid, host, since: new Date(0).toISOString() })

test('a directory is for one process: a second one is refused until the first gives it back', async () => {
  const directory = join(folder, 'one')
  const unlock = await lockDirectory(directory)
  expect(JSON.parse(await readFile(`${directory}.lock`, 'utf8'))).toMatchObject({
    pid: process.pid,
  })
  expect((await engineError(() => lockDirectory(`${directory}/`))).code).toBe('STORE_LOCKED')
  await unlock()
  await (
    await lockDirectory(directory)
  )()
})

test('a lock is never taken from a process that lives, and is from one that was killed', async () => {
  const directory = join(folder, 'two')
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  await once(other, 'spawn')
  await writeFile(`${directory}.lock`, holder(other.pid ?? 0))
  const refusal = await engineError(() => lockDirectory(directory))
  expect(refusal).toMatchObject({ code: 'STORE_LOCKED' })
  expect(refusal.message).toContain(String(other.pid))
  const ended = once(other, 'exit')
  other.kill('SIGKILL')
  await ended
  await (
    await lockDirectory(directory)
  )()
})

test("another machine's lock stands, and so does one that cannot be read", async () => {
  const directory = join(folder, 'three')
  for (const content of [holder(nobody, 'elsewhere'), '', '{"pid":"x"}', '{"pid":-1}']) {
    await writeFile(`${directory}.lock`, content)
    expect((await engineError(() => lockDirectory(directory))).code).toBe('STORE_LOCKED')
  }
})
