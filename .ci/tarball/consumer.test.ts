import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, inject, test } from 'vitest'
import { execute } from './execute.ts'

const application = (): string => join(inject('consumer'), 'apps/agent-server')
const environment = (): NodeJS.ProcessEnv => ({ ...process.env, PATH: inject('path') })
const secret = 'a secret of at least thirty-two bytes'

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const tokenOf = (sub: string): string => {
  const exp = Math.floor(Date.now() / 1000) + 60
  const signed = `${part({ alg: 'HS256' })}.${part({ iss: 'consumer', aud: 'agents', sub, exp })}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

test('pnpm is not to be found where the packages were installed', async () => {
  const search = execute('sh', ['-c', 'command -v pnpm || echo none'], {
    cwd: application(),
    env: environment(),
  })
  await expect(search).resolves.toBe('none\n')
})

test.each([
  ['typescript', 'nodenext'],
  ['typescript', 'bundler'],
  ['typescript-5', 'nodenext'],
  ['typescript-5', 'bundler'],
])('a consumer type-checks with %s and moduleResolution %s', async (compiler, resolution) => {
  const tsc = join(inject('consumer'), 'node_modules', compiler, 'bin/tsc')
  const args = [tsc, '--noEmit', '-p', `tsconfig.${resolution}.json`]
  await expect(execute('node', args, { cwd: application(), env: environment() })).resolves.toBe('')
})

// origins: L12 S-8
test('a consumer compiles, serves, runs an agent for its caller alone, and stops on SIGTERM', async () => {
  const where = { cwd: application(), env: { ...environment(), SIGNING_SECRET: secret } }
  const tsc = join(inject('consumer'), 'node_modules/typescript/bin/tsc')
  await execute('node', [tsc, '-p', 'tsconfig.nodenext.json'], where)
  const server = spawn('node', ['dist/main.js'], { ...where, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const ended = once(server, 'exit')
    const [url] = await Promise.race([
      once(createInterface(server.stdout), 'line'),
      ended.then(([code]) => Promise.reject(new Error(`The server ended with ${String(code)}.`))),
    ])
    const call = (path: string, user?: string, body?: object): Promise<Response> =>
      fetch(new URL(path, String(url)), {
        headers: {
          'content-type': 'application/json',
          ...(user === undefined ? {} : { authorization: `Bearer ${tokenOf(user)}` }),
        },
        ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      })
    const start = (user?: string): Promise<Response> =>
      call('/v1/agents/greeter/runs', user, { input: { name: 'world' } })

    expect((await start()).status).toBe(401)
    const accepted = await start('alice')
    expect(accepted.status).toBe(202)
    const { runId } = Object(await accepted.json())
    const events = await (await call(`/v1/runs/${runId}/events`, 'alice')).text()
    expect(events).toContain('event: agent_completed')
    expect(events).toContain('"result":{"greeting":"Hello, world.","owner":"alice"}')
    expect((await call(`/v1/runs/${runId}`, 'bob')).status).toBe(404)

    server.kill('SIGTERM')
    await expect(ended).resolves.toEqual([0, null])
  } finally {
    server.kill('SIGKILL')
  }
})
