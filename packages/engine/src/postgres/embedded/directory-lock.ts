import { open, readFile, realpath, rm, stat, type FileHandle } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'

const holder = z.object({
  pid: z.int().positive(),
  host: z.string(),
  since: z.string(),
  /** Tells the process from a later one with the same pid, where the system can. */
  started: z.string().optional(),
})

/**
 * Takes a data directory for this process: two that write to one destroy each other's rows. The lock is a file
 * beside the directory, made in one step. It is never taken from a process that lives, nor from one of another
 * machine, which cannot be asked; what a dead process of this machine has left is taken over, also where another
 * process has its pid by now, as after the restart of a container.
 *
 * Resolves with how to give it back. Rejects with `STORE_LOCKED`.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = await lockOf(directory)
  const file = await take(path)
  try {
    const content = {
      pid: process.pid,
      host: hostname(),
      since: new Date().toISOString(),
      started: await startOf(process.pid),
    }
    await file.writeFile(JSON.stringify(content))
    await file.sync()
  } finally {
    await file.close()
  }
  return () => rm(path, { force: true })
}

/**
 * The file that is the lock of a directory, by whichever path it is named. Beside it, as what is in it is PostgreSQL's; but in
 * the root of a volume, which is all that two machines may have in common.
 */
async function lockOf(directory: string): Promise<string> {
  const path = resolve(directory)
  const above = dirname(path)
  const real = await realpath(path).catch(async () => join(await realpath(above), basename(path)))
  const [own, parent] = await Promise.all([stat(real).catch(() => undefined), stat(dirname(real))])
  if (own !== undefined && own.dev !== parent.dev) return join(real, 'ringfence.lock')
  return `${real}.lock`
}

async function take(path: string): Promise<FileHandle> {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      return await open(path, 'wx')
    } catch (error) {
      if (!isExisting(error)) throw error
      await refuseLiving(path)
      await rm(path, { force: true })
    }
  }
  throw locked(path, 'another process took it just now')
}

async function refuseLiving(path: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return
  const parsed = holder.safeParse(parseJson(text))
  if (!parsed.success)
    throw locked(path, 'its lock cannot be read; another process may be writing it')
  const { pid, host, since, started } = parsed.data
  if (host !== hostname()) throw locked(path, `the process ${pid} of the machine "${host}" has it`)
  if (pid !== process.pid && !isAlive(pid)) return
  const now = await startOf(pid)
  if (started !== undefined && now !== undefined && started !== now) return
  throw locked(path, `the process ${pid} has had it since ${since}`)
}

/** When a process began, in ticks of the machine's boot: no clock that is set changes it. Undefined where that cannot be told. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const [boot, status] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ])
    // The name of the program may hold anything, and ends with the last bracket; 20 fields on is when it began.
    const ticks = status.slice(status.lastIndexOf(')') + 2).split(' ')[19]
    return ticks === undefined ? undefined : `${boot.trim()} ${ticks}`
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It is there, and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST'
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function locked(path: string, why: string): EngineError {
  return new EngineError(
    'STORE_LOCKED',
    `The data directory is in use: ${why}. Stop that process; if you know that it is gone, delete "${path}".`,
  )
}
