import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const debian = '/usr/lib/postgresql'

/** The folder with the programs of PostgreSQL; undefined where it is not installed. */
export const postgresPrograms: string | undefined = find()

/** Whether this Node is one that the durable store supports. */
export const durableRuntime: boolean = supported()

/** The beginnings of titles where the tests of the durable store, or of a server, cannot run. */
export const skippedWithoutNode: string = durableRuntime
  ? ''
  : 'skipped: the durable store needs Node 22.12: '
export const skippedWithoutPostgres: string =
  durableRuntime && postgresPrograms === undefined
    ? 'skipped: PostgreSQL is not installed (set RINGFENCE_POSTGRES): '
    : skippedWithoutNode

/** A PostgreSQL server of its own for the tests of one file. */
export interface PostgresCluster {
  readonly pid: number
  /** A new database, and how to reach it. */
  database(): Promise<string>
  /** Shuts it down, as for an update: sessions are ended, and nobody reaches it. */
  down(): Promise<void>
  /** Starts it again, with what it holds, where it was. */
  up(): Promise<void>
  /** Ends it for good, up or down. */
  stop(): Promise<void>
}

function find(): string | undefined {
  const given = process.env['RINGFENCE_POSTGRES']
  if (given !== undefined) return given
  if (!existsSync(debian)) return undefined
  const newest = readdirSync(debian)
    .map(Number)
    .toSorted((one, other) => other - one)[0]
  const programs = join(debian, String(newest), 'bin')
  return existsSync(join(programs, 'initdb')) ? programs : undefined
}

function supported(): boolean {
  if ('bun' in process.versions || 'deno' in process.versions) return false
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  return major > 22 || (major === 22 && minor >= 12)
}

/** PostgreSQL refuses to be root: then it is the user `postgres` that Debian's package makes. */
const asRoot = process.getuid?.() === 0
const unprivileged = ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', '--']

function command(program: string, args: readonly string[]): [string, string[]] {
  const path = join(postgresPrograms ?? '', program)
  const [first = path, ...rest] = asRoot ? [...unprivileged, path, ...args] : [path, ...args]
  return [first, asRoot ? rest : [...args]]
}

/** Starts a server in a temporary folder on a free loopback port. What is not `durable` does not wait for the disk. */
export async function startPostgres({
  durable = true,
}: { readonly durable?: boolean } = {}): Promise<PostgresCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'ringfence-postgres-'))
  if (asRoot) await run('chown', ['postgres:postgres', folder])
  await chmod(folder, 0o700)
  const data = join(folder, 'data')
  await run(
    ...command('initdb', ['-A', 'trust', '-N', '-U', 'ringfence', '-E', 'UTF8', '-D', data]),
  )
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: folder,
    max_connections: '300',
    shared_buffers: '32MB',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const [program, args] = command('postgres', ['-D', data, ...flags])
  const start = async (): Promise<ChildProcess> => {
    const started = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    await ready(started)
    return started
  }
  const end = async (ending: ChildProcess): Promise<void> => {
    if (ending.exitCode !== null || ending.signalCode !== null) return
    const ended = new Promise((resolve) => ending.once('exit', resolve))
    ending.kill('SIGINT')
    await ended
  }
  let server = await start()
  const url = (name: string): string => `postgres://ringfence@127.0.0.1:${port}/${name}`
  const { default: pg } = await import('pg')
  return {
    get pid() {
      return server.pid ?? 0
    },
    database: async () => {
      const name = `test_${randomUUID().replaceAll('-', '')}`
      const client = new pg.Client({ connectionString: url('postgres') })
      await client.connect()
      await client.query(`CREATE DATABASE ${name}`)
      await client.end()
      return url(name)
    },
    down: () => end(server),
    up: async () => {
      if (server.exitCode === null && server.signalCode === null) return
      server = await start()
    },
    stop: async () => {
      await end(server)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function ready(server: ChildProcess): Promise<void> {
  let log = ''
  await new Promise<void>((resolve, reject) => {
    server.stderr?.on('data', (chunk: Buffer) => {
      if (log.length < 100_000) log += chunk.toString()
      if (log.includes('database system is ready to accept connections')) resolve()
    })
    server.once('exit', () => reject(new Error(`PostgreSQL did not start:\n${log}`)))
  })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('Expected a port')
  return address.port
}
