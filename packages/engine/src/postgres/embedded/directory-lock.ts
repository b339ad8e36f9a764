import { open, readFile, rm, type FileHandle } from 'node:fs/promises'
import { hostname } from 'node:os'
import * as z from 'zod'
import { EngineError } from '../../errors/engine-error.ts'

const holder = z.object({ pid: z.int().positive(), host: z.string(), since: z.string() })

/**
 * Takes a data directory for this process: two that write to one destroy each other's rows. The lock is a file
 * beside the directory, made in one step. It is never taken from a process that lives, nor from one of another
 * machine, which cannot be asked; what a dead process of this machine has left is taken over.
 *
 * Resolves with how to give it back. Rejects with `STORE_LOCKED`.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = `${directory.replace(/[/\\]+$/u, '')}.lock`
  const file = await take(path)
  try {
    const content = { pid: process.pid, host: hostname(), since: new Date().toISOString() }
    await file.writeFile(JSON.stringify(content))
    await file.sync()
  } finally {
    await file.close()
  }
  return () => rm(path, { force: true })
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
  const { pid, host, since } = parsed.data
  if (host !== hostname()) throw locked(path, `the process ${pid} of the machine "${host}" has it`)
  if (pid !== process.pid && !isAlive(pid)) return
  throw locked(path, `the process ${pid} has had it since ${since}`)
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
