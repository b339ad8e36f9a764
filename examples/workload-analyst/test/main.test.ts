import { execFile } from 'node:child_process'
import { createServer } from 'node:net'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { readEvents } from './support/analyst.ts'
import { complete, type ModelEndpoint, startModelEndpoint } from './support/model-endpoint.ts'
import { build, type MainProcess, startMain } from './support/main-process.ts'

const started: MainProcess[] = []
const endpoints: ModelEndpoint[] = []
/** For what a busy machine takes long to come to. */
const waiting = { timeout: 30_000 }

beforeAll(build, 180_000)
afterEach(async () => {
  for (const main of started.splice(0)) main.kill()
  await Promise.all(endpoints.splice(0).map((endpoint) => endpoint.close()))
})

const start = (
  variables: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): MainProcess => {
  const main = startMain(variables, args)
  started.push(main)
  return main
}

const urlOf = async (main: MainProcess): Promise<string> => {
  const url = /http:\/\/\S+:\d+/.exec(await main.said('Ctrl-C'))?.[0]
  if (url === undefined) throw new Error('No address was printed.')
  return url
}

const inShell = async (line: string, cwd: string = tmpdir()): Promise<string> =>
  (await promisify(execFile)('sh', ['-c', line], { cwd, encoding: 'utf8', maxBuffer: 1e7 })).stdout

/** A log that keeps the server busy for a moment. */
const longLog = `input_tokens,output_tokens\n${'123456,7890\n'.repeat(150_000)}`

const shortLog = 'input_tokens,output_tokens\n7,8\n'

const startRun = async (url: string, log: string): Promise<Response> => {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ userId: 'alice' })
  const issued: unknown = await (
    await fetch(`${url}/demo/tokens`, { method: 'POST', headers, body })
  ).json()
  const token =
    typeof issued === 'object' && issued !== null && 'token' in issued ? issued.token : ''
  return fetch(`${url}/v1/agents/supervisor/runs`, {
    method: 'POST',
    headers: { ...headers, accept: 'text/event-stream', authorization: `Bearer ${String(token)}` },
    body: JSON.stringify({ input: { log } }),
  })
}

describe('the command', { timeout: 60_000 }, () => {
  test.each([
    ['/', ['/icon.svg', '/style.css', '/page/main.js'], 15],
    ['/chat', ['/icon.svg', '/style.css', '/chat.css', '/page/chat.js'], 4],
  ])(
    'prints an address that serves the page at %s with all that it loads',
    async (path, own, all) => {
      const url = await urlOf(start())
      const page = await fetch(new URL(path, url))
      expect(page.status).toBe(200)
      expect(page.headers.get('content-security-policy')).toContain("default-src 'self'")
      expect(page.headers.get('x-content-type-options')).toBe('nosniff')
      const html = await page.text()
      const loaded = [...html.matchAll(/(?:<script.* src|<link.* href)="(\/[^"]*)"/g)]
      const seen = new Set(loaded.map(([, name = '']) => name))
      expect([...seen]).toEqual(own)
      for (const file of seen) {
        const answer = await fetch(new URL(file, url))
        expect([file, answer.status]).toEqual([file, 200])
        const text = await answer.text()
        if (!file.endsWith('.js')) continue
        for (const [, name = ''] of text.matchAll(/from '\.\/([^']+)'/g)) seen.add(`/page/${name}`)
      }
      expect(seen.size).toBeGreaterThanOrEqual(all)
    },
  )

  test('prints a curl that works as printed', async () => {
    const main = start()
    await urlOf(main)
    const line = main
      .output()
      .split('\n')
      .find((text) => text.startsWith('curl '))
    const said = await inShell(line ?? '')
    expect(said).toContain('event: agent_completed')
    expect(said).toContain('"calls":2')
    expect(said).toContain('"costUsd":0.005312')
  })

  test('answers the lines of its README, on a log of one’s own', async () => {
    const url = await urlOf(start())
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
    const lines = /```sh\n([^`]+)```/.exec(readme)?.[1] ?? ''
    expect(lines).toContain('url=http://127.0.0.1:3000')
    const directory = await mkdtemp(join(tmpdir(), 'workload-analyst-'))
    try {
      await writeFile(join(directory, 'calls.csv'), 'input_tokens,output_tokens\n7,8\n')
      const said = await inShell(lines.replace('http://127.0.0.1:3000', url), directory)
      expect(said).toContain('event: agent_completed')
      expect(said).toContain('"inputTokens":7,"outputTokens":8')
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  test('shows the inspector to whoever has the token that it prints, and to nobody without being asked to', async () => {
    const main = start({}, ['--inspect'])
    const url = await urlOf(main)
    const token = /\/inspect .* token: (\S+)\n/.exec(main.output())?.[1] ?? ''
    const statusFor = async (authorization: string, at = url): Promise<number> =>
      (await fetch(`${at}/v1/inspect`, { headers: { authorization } })).status
    expect(await statusFor(`Bearer ${token}`)).toBe(200)
    expect(await statusFor(`Bearer ${token.slice(1)}`)).toBe(401)
    expect(await statusFor('')).toBe(401)
    const issued = await inShell(
      `curl -s ${url}/demo/tokens -H 'content-type: application/json' -d '{"userId":"inspector"}'`,
    )
    expect(await statusFor(`Bearer ${issued.split('"')[3]}`)).toBe(403)
    expect((await fetch(`${url}/inspect`)).status).toBe(200)
    expect(main.errors()).not.toContain(token)
    expect(await statusFor(`Bearer ${token}`, await urlOf(start()))).toBe(404)
  })

  test('says what its command line takes, when asked and when it is wrong', async () => {
    const asked = start({}, ['--help'])
    expect(await asked.ended).toBe(0)
    expect(asked.output()).toContain('--data-dir <folder>')
    const mistaken = start({}, ['--date-dir', 'x'])
    expect(await mistaken.ended).toBe(1)
    expect(mistaken.errors()).toMatch(/^Unknown option '--date-dir'[^]*--data-dir <folder>/)
  })

  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s lets a run finish, tells its follower, and ends with 0 and no orphan',
    async (signal) => {
      let answer: () => void = () => undefined
      // The run goes on until the model answers, however fast the machine is.
      const endpoint = await startModelEndpoint((response) => {
        answer = () => complete('All is well.')(response)
      })
      endpoints.push(endpoint)
      const main = start({ RINGFENCE_MODEL_URL: endpoint.url.href })
      const url = await urlOf(main)
      const stream = await startRun(url, shortLog)
      await expect.poll(() => endpoint.requests.length, waiting).toBe(1)
      main.child.kill(signal)
      await main.said('"stopping"')
      const refused = await fetch(`${url}/readyz`)
      expect(refused.status).toBe(503)
      answer()
      const events = await readEvents(stream)
      expect(events.at(-1)?.type).toBe('agent_completed')
      expect(await main.ended).toBe(0)
      expect(main.hasOrphans()).toBe(false)
      await expect(fetch(`${url}/livez`)).rejects.toThrow('fetch failed')
    },
  )

  test('a second signal ends it at once, with the code of the signal', async () => {
    const main = start()
    const stream = await startRun(await urlOf(main), longLog)
    main.child.kill('SIGTERM')
    await main.said('"stopping"')
    main.child.kill('SIGINT')
    expect(await main.ended).toBe(130)
    await expect(readEvents(stream)).rejects.toThrow('terminated')
    expect(main.hasOrphans()).toBe(false)
  })

  test('logs requests without tokens, tickets or keys', async () => {
    const main = start({
      RINGFENCE_MODEL_URL: 'http://127.0.0.1:9/v1',
      RINGFENCE_MODEL_KEY: 'key-k',
    })
    const url = await urlOf(main)
    const line = main
      .output()
      .split('\n')
      .find((text) => text.startsWith('curl '))
    await inShell(line ?? '')
    await inShell(`curl -s ${url}/v1/ws?ticket=ticket-t`)
    main.child.kill('SIGTERM')
    expect(await main.ended).toBe(0)
    expect(main.errors()).toContain('supervisor')
    expect(main.errors()).not.toMatch(/eyJ|key-k|ticket-t|Bearer/)
  })
})

describe('what cannot be started says why and ends with 1:', { timeout: 60_000 }, () => {
  const failing = async (variables: Readonly<Record<string, string>>): Promise<string> => {
    const main = start(variables)
    expect(await main.ended).toBe(1)
    expect(main.output()).toBe('')
    return main.errors()
  }

  test('a port that is taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => {
      other.listen(0, '127.0.0.1', resolve)
    })
    const address = other.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    try {
      expect(await failing({ PORT: String(port) })).toBe(
        `Port ${port} on 127.0.0.1 is taken. Stop what listens there, or set PORT to another one.\n`,
      )
    } finally {
      other.close()
    }
  })

  test.each([
    [{ PORT: 'many' }, /^PORT must be a whole number from 0 to 65535\.\n$/],
    [{ HOST: '0.0.0.0' }, /^Cannot listen on 0\.0\.0\.0 in demo mode/],
    [
      { PRICES: '/nowhere/prices.json' },
      /^The prices in \/nowhere\/prices\.json cannot be used\. ENOENT/,
    ],
    [
      { RINGFENCE_MODEL_URL: 'nowhere' },
      /^RINGFENCE_MODEL_URL must be an http or https address\.\n$/,
    ],
  ])('%j', async (variables, message) => {
    expect(await failing(variables)).toMatch(message)
  })

  test('a table of prices that is not valid', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'workload-analyst-'))
    try {
      const path = join(directory, 'prices.json')
      await writeFile(path, '{"currency":"EUR"}')
      const said = await failing({ PRICES: path })
      expect(said).toContain('prices.json cannot be used')
      expect(said).toContain('currency')
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})
