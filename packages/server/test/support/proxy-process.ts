import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** A proxy that is installed here, or is not. */
export interface ProxyProgram {
  readonly name: 'nginx' | 'haproxy' | 'caddy'
  readonly file: string
  /** Undefined where it is not installed. */
  readonly path: string | undefined
}

const commands = {
  nginx: (folder: string, file: string) => [
    '-p',
    folder,
    '-c',
    file,
    '-e',
    'error.log',
    '-g',
    'daemon off;',
  ],
  haproxy: (_folder: string, file: string) => ['-db', '-f', file],
  caddy: (_folder: string, file: string) => ['run', '--config', file, '--adapter', 'caddyfile'],
}

export const proxies: readonly ProxyProgram[] = (
  [
    ['nginx', 'nginx.conf'],
    ['haproxy', 'haproxy.cfg'],
    ['caddy', 'Caddyfile'],
  ] as const
).map(([name, file]) => ({ name, file, path: pathOf(name) }))

function pathOf(name: string): string | undefined {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`
  const { status, stdout } = spawnSync('sh', ['-c', `command -v ${name}`], {
    env: { ...process.env, PATH: path },
    encoding: 'utf8',
  })
  return status === 0 ? stdout.trim() : undefined
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/**
 * Starts a proxy with the configuration of `examples/behind-a-proxy`, of which only ports, and what `change` changes, are
 * others. Resolves with its port when it accepts connections; it ends with the test.
 */
export async function startProxy(
  { name, file, path }: ProxyProgram,
  upstreams: readonly number[],
  change: (configuration: string) => string = (same) => same,
): Promise<number> {
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), `ringfence-${name}-`))
  const source = fileURLToPath(
    new URL(`../../../../examples/behind-a-proxy/${file}`, import.meta.url),
  )
  const given = await readFile(source, 'utf8')
  const [one = 0, two = one] = upstreams
  const configuration = change(given)
    .replaceAll(':8080', `:${port}`)
    .replaceAll(':3000', `:${one}`)
    .replaceAll(':3001', `:${two}`)
  const target = join(folder, file)
  await writeFile(target, configuration)
  const started = spawn(path ?? name, commands[name](folder, target), {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  })
  let said = ''
  started.stderr.on('data', (data) => {
    said += String(data)
  })
  const exited = new Promise<void>((resolve) => started.once('exit', () => resolve()))
  onTestFinished(async () => {
    started.kill('SIGTERM')
    await exited
    await rm(folder, { recursive: true, force: true })
  })
  let over = false
  void exited.then(() => {
    over = true
  })
  while (!(await accepts(port))) {
    if (over) throw new Error(`${name} did not start: ${said}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return port
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
