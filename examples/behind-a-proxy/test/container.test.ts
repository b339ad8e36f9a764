import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { freePort } from '../../../packages/server/test/support/proxy-process.ts'
import { serve } from '../../../packages/server/test/support/serve.ts'

const image = process.env['RINGFENCE_CONTAINER_IMAGE']
const tool = process.env['RINGFENCE_CONTAINER_TOOL'] ?? 'docker'
const note = image === undefined ? 'skipped: RINGFENCE_CONTAINER_IMAGE is not set: ' : ''

const file = await readFile(new URL('../Containerfile', import.meta.url), 'utf8')
/** What the container is made of: the build before it is not in it. */
const stage = file.slice(file.lastIndexOf('\nFROM '))

/** Runs the health check as the container does, and gives its exit code. */
async function checkHealth(port: number): Promise<unknown> {
  const [, command = ''] = /HEALTHCHECK [^\n]*\\\n +CMD (\[.*\])$/m.exec(stage) ?? []
  const [, ...parameters] = z.array(z.string()).parse(JSON.parse(command))
  const checking = spawn(process.execPath, parameters, { env: { PORT: String(port) } })
  const [code]: unknown[] = await once(checking, 'close')
  return code
}

test('the health check is 0 while a server is ready, and 1 while it leaves and where there is none', async () => {
  const server = await serve()
  expect(await checkHealth(server.port)).toBe(0)
  await server.close(0)
  expect(await checkHealth(server.port)).toBe(1)
  const leaving = createServer((_request, response) => response.writeHead(503).end())
  await once(leaving.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void leaving.close())
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  expect(await checkHealth((leaving.address() as AddressInfo).port)).toBe(1)
})

test('what the container runs is not root, and cannot change what it runs', () => {
  const lines = stage.split('\n').filter((line) => /^[A-Z]+ /.test(line))
  const user = lines.indexOf('USER node')
  expect(user).toBeGreaterThan(0)
  expect(lines.findIndex((line) => line.startsWith('CMD'))).toBeGreaterThan(user)
  expect(lines.filter((line) => line.startsWith('USER'))).toHaveLength(1)
  expect(lines.filter((line) => line.startsWith('COPY'))).toEqual([
    'COPY --from=build --chown=root:root /app /app',
  ])
})

const run = async (...parameters: string[]): Promise<string> =>
  (await promisify(execFile)(tool, parameters)).stdout

/** Podman without systemd checks nobody's health by itself. */
const healthOf = async (container: string): Promise<string> => {
  if (tool !== 'podman') return run('inspect', '--format={{.State.Health.Status}}', container)
  return run('healthcheck', 'run', container).then(
    () => 'healthy\n',
    () => 'unhealthy\n',
  )
}

test.skipIf(image === undefined)(
  `${note}the container starts for an issuer, is healthy, is not root, and drains when it is told to end`,
  async () => {
    if (image === undefined) return
    const port = await freePort()
    const issuer = 'https://id.example'
    const container = (
      await run(
        'run',
        '--detach',
        // The keys of the issuer may come over http from this machine alone.
        '--network=host',
        '--read-only',
        '--cap-drop=all',
        `--env=PORT=${port}`,
        `--env=RINGFENCE_ISSUER=${issuer}`,
        '--env=RINGFENCE_AUDIENCE=agents',
        `--env=RINGFENCE_JWKS_URI=http://127.0.0.1:${port}/none`,
        image,
      )
    ).trim()
    onTestFinished(() => run('rm', '--force', container).then(() => undefined))
    const url = `http://127.0.0.1:${port}`
    const statusOf = (path: string): Promise<number> =>
      fetch(`${url}${path}`).then(
        ({ status }) => status,
        () => 0,
      )
    await expect.poll(() => statusOf('/readyz'), { timeout: 30_000 }).toBe(200)
    expect([await statusOf('/v1/agents'), await statusOf('/demo/tokens')]).toEqual([401, 404])
    expect(await run('exec', container, 'id', '-un')).toBe('node\n')
    await expect(run('exec', container, 'sh', '-c', 'echo > dist/main.js')).rejects.toThrow(
      'main.js',
    )
    await expect.poll(() => healthOf(container), { timeout: 30_000 }).toBe('healthy\n')
    await run('stop', '--time=30', container)
    // Not 137: nobody had to kill it.
    expect(await run('inspect', '--format={{.State.ExitCode}}', container)).toBe('0\n')
    expect((await promisify(execFile)(tool, ['logs', container])).stderr).toContain('stopped')
  },
)
