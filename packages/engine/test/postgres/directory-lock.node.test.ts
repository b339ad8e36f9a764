import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { assertDataDirectory } from '../../src/postgres/embedded/data-directory.ts'
import { lockDirectory } from '../../src/postgres/embedded/directory-lock.ts'
import { caught, engineError } from '../support/caught.ts'

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

test('a directory has one lock, by whichever path it is named', async () => {
  const directory = join(folder, 'four')
  await mkdir(directory)
  await symlink(directory, join(folder, 'link'))
  await symlink(folder, join(folder, 'above'))
  const unlock = await lockDirectory(directory)
  for (const path of ['link', 'link/', 'four/.', 'above/four', 'above/link', 'above/../four']) {
    const refusal = await engineError(() => lockDirectory(`${folder}/${path}`))
    expect([path, refusal.code]).toEqual([path, 'STORE_LOCKED'])
  }
  await unlock()
})

test.skipIf(process.platform !== 'linux')(
  'a lock of a process that is gone is taken over, though another one, or this one, has its pid by now',
  async () => {
    const directory = join(folder, 'five')
    const unlock = await lockDirectory(directory)
    const written: unknown = JSON.parse(await readFile(`${directory}.lock`, 'utf8'))
    const { started } = z.object({ started: z.string() }).parse(written)
    for (const pid of [process.pid, process.ppid]) {
      const earlier = { pid, host: hostname(), since: new Date().toISOString() }
      await writeFile(`${directory}.lock`, JSON.stringify({ ...earlier, started: `${started}0` }))
      await (
        await lockDirectory(directory)
      )()
      // Nobody knows when that one began: it stands.
      await writeFile(`${directory}.lock`, JSON.stringify(earlier))
      expect((await engineError(() => lockDirectory(directory))).code).toBe('STORE_LOCKED')
    }
    await unlock()
  },
)

test('a database is not made among other files, nor of what is left of one', async () => {
  const directory = join(folder, 'six')
  await assertDataDirectory(directory)
  await writeFile(directory, 'a file')
  expect(await caught(() => assertDataDirectory(directory))).toBeInstanceOf(TypeError)
  await rm(directory)
  for (const name of ['lost+found', 'pg_wal'])
    await mkdir(join(directory, name), { recursive: true })
  await assertDataDirectory(directory)
  await writeFile(join(directory, 'letter.txt'), 'mine')
  expect(await caught(() => assertDataDirectory(directory))).toBeInstanceOf(TypeError)
  await writeFile(join(directory, 'PG_VERSION'), '17')
  expect(await caught(() => assertDataDirectory(directory))).toMatchObject({
    message: expect.stringContaining('"base" is missing'),
  })
})
