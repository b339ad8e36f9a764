import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openStore, readKeptWhere } from '../src/kept-where.ts'
import { build, type MainProcess, startMain } from './support/main-process.ts'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const durable = major > 22 || (major === 22 && minor >= 12)
const skipped = durable ? '' : 'skipped: the durable store needs Node 22.12: '

const ignore = (): void => undefined

test('without an argument runs are kept in memory', async () => {
  expect(readKeptWhere([])).toEqual({})
  const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore }
  expect(await openStore({}, silent)).toBeUndefined()
})

test('it is a folder or a database, and not both', () => {
  expect(readKeptWhere(['--data-dir', 'x'])).toEqual({ dataDir: 'x' })
  expect(readKeptWhere(['--database-url', 'postgres://x'])).toEqual({ url: 'postgres://x' })
  for (const args of [
    ['--data-dir', 'x', '--database-url', 'postgres://x'],
    ['--data-dir'],
    ['--data'],
    ['x'],
  ]) {
    expect(() => readKeptWhere(args)).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIGURATION' }),
    )
  }
})

describe.skipIf(!durable)(`${skipped}a folder`, { timeout: 120_000 }, () => {
  let folder: string
  const started: MainProcess[] = []
  beforeAll(async () => {
    build()
    folder = await mkdtemp(join(tmpdir(), 'ringfence-analyst-'))
    return () => rm(folder, { recursive: true, force: true })
  }, 180_000)
  afterEach(() => {
    for (const main of started.splice(0)) main.kill()
  })

  const start = async (): Promise<string> => {
    const main = startMain({}, ['--data-dir', join(folder, 'data')])
    started.push(main)
    const url = /http:\/\/\S+:\d+/.exec(await main.said('Ctrl-C'))?.[0]
    if (url === undefined) throw new Error('No address was printed.')
    return url
  }

  const ask = async (url: string, path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = { 'content-type': 'application/json' }
    const issued: unknown = await (
      await fetch(`${url}/demo/tokens`, { method: 'POST', headers, body: '{"userId":"alice"}' })
    ).json()
    const token =
      typeof issued === 'object' && issued !== null && 'token' in issued ? String(issued.token) : ''
    return fetch(`${url}${path}`, {
      ...init,
      headers: { ...headers, authorization: `Bearer ${token}` },
    })
  }

  test('keeps runs over a killed process', async () => {
    const url = await start()
    const body = JSON.stringify({ input: { log: 'input_tokens,output_tokens\n1,2\n' } })
    const { runId } = Object(
      await (await ask(url, '/v1/agents/supervisor/runs', { method: 'POST', body })).json(),
    )
    const events = await (await ask(url, `/v1/runs/${String(runId)}/events`)).text()
    expect(events).toContain('agent_completed')
    for (const main of started.splice(0)) {
      main.kill()
      await main.ended
    }
    const again = await start()
    expect(await (await ask(again, `/v1/runs/${String(runId)}/events`)).text()).toBe(events)
  })
})
