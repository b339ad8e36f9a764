import type { ServerResponse } from 'node:http'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  durableRuntime,
  type PostgresCluster,
  skippedWithoutNode,
  skippedWithoutPostgres,
  startPostgres,
} from '../../../packages/engine/test/support/postgres-cluster.ts'
import { readCommandLine } from '../src/command-line.ts'
import { explainKept, type KeptWhere, openKept } from '../src/kept-where.ts'
import { readSealingKeys } from '../src/sealing-keys.ts'
import { build, type MainProcess, startMain } from './support/main-process.ts'
import { complete, type ModelEndpoint, startModelEndpoint } from './support/model-endpoint.ts'

const ignore = (): void => undefined
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore }

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringfence-analyst-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const readKeptWhere = (args: readonly string[]): KeptWhere => readCommandLine(args).keptWhere

test('without an argument runs are kept in memory', async () => {
  expect(readKeptWhere([])).toEqual({})
  expect(await openKept({}, silent)).toBeUndefined()
})

test('it is a folder or a database, and not both, with a file of keys beside', () => {
  expect(readKeptWhere(['--data-dir', 'x/'])).toEqual({ dataDir: 'x/', keysPath: 'x.keys.json' })
  expect(readKeptWhere(['--data-dir', 'x', '--keys', 'k'])).toEqual({ dataDir: 'x', keysPath: 'k' })
  expect(readKeptWhere(['--database-url', 'postgres://x'])).toEqual({
    url: 'postgres://x',
    keysPath: 'ringfence.keys.json',
  })
  for (const args of [
    ['--data-dir', 'x', '--database-url', 'postgres://x'],
    ['--data-dir'],
    ['--data'],
    ['--keys', 'k'],
    ['x'],
  ]) {
    expect(() => readKeptWhere(args)).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIGURATION' }),
    )
  }
})

test('why it cannot be opened is said of the place that was named, without its password', () => {
  const url = 'postgres://app:secret@db/app'
  const refused = Object.assign(new Error('getaddrinfo ENOTFOUND db'), { code: 'ENOTFOUND' })
  expect(explainKept({ url }, refused)).toBe(
    'Runs cannot be kept in the database of --database-url. getaddrinfo ENOTFOUND db',
  )
  const unnamed = Object.assign(new Error(''), { code: 'EACCES' })
  expect(explainKept({ dataDir: 'x' }, unnamed)).toBe(
    'Runs cannot be kept in the folder of --data-dir. It cannot be opened (EACCES).',
  )
})

test('the keys are made once, for this user alone, and what is none is left as it is', async () => {
  const path = join(folder, 'keys.json')
  const read = await Promise.all([readSealingKeys(path), readSealingKeys(path)])
  expect(read[0]).toEqual(read[1])
  expect(await readSealingKeys(path)).toEqual(read[0])
  expect((await stat(path)).mode & 0o077).toBe(0)
  await writeFile(path, '{}')
  await expect(readSealingKeys(path)).rejects.toMatchObject({ code: 'INVALID_CONFIGURATION' })
  expect(await readFile(path, 'utf8')).toBe('{}')
})

describe.skipIf(!durableRuntime)(`${skippedWithoutNode}kept runs`, { timeout: 120_000 }, () => {
  let cluster: PostgresCluster | undefined
  const started: MainProcess[] = []
  const endpoints: ModelEndpoint[] = []
  beforeAll(() => build(), 180_000)
  afterAll(() => cluster?.stop())
  afterEach(async () => {
    for (const main of started.splice(0)) main.kill()
    for (const endpoint of endpoints.splice(0)) await endpoint.close()
  })

  const start = async (
    args: readonly string[],
    answer: (response: ServerResponse) => void,
  ): Promise<{
    readonly url: string
    readonly main: MainProcess
    readonly model: ModelEndpoint
  }> => {
    const model = await startModelEndpoint(answer)
    endpoints.push(model)
    const main = startMain({ RINGFENCE_MODEL_URL: model.url.href }, args)
    started.push(main)
    const url = /http:\/\/\S+:\d+/.exec(await main.said('Ctrl-C'))?.[0]
    if (url === undefined) throw new Error('No address was printed.')
    return { url, main, model }
  }

  const ask = async (
    user: string,
    url: string,
    path: string,
    init: RequestInit = {},
  ): Promise<Response> => {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ userId: user })
    const issued: unknown = await (
      await fetch(`${url}/demo/tokens`, { method: 'POST', headers, body })
    ).json()
    const token =
      typeof issued === 'object' && issued !== null && 'token' in issued ? String(issued.token) : ''
    return fetch(`${url}${path}`, {
      ...init,
      headers: { ...headers, authorization: `Bearer ${token}` },
    })
  }

  const startRun = async (user: string, url: string): Promise<string> => {
    const body = JSON.stringify({
      input: { log: `input_tokens,output_tokens,feature\n1,2,of-${user}\n` },
    })
    const answer = await ask(user, url, '/v1/agents/supervisor/runs', { method: 'POST', body })
    expect(answer.status).toBe(202)
    return String(Object(await answer.json()).runId)
  }

  /** What a user is told of a run, up to its end. A server that is late with everything may ask to be asked again. */
  const story = async (user: string, url: string, runId: string): Promise<string> => {
    const answer = await ask(user, url, `/v1/runs/${runId}/events`)
    if (answer.status === 503) {
      await delay(Number(answer.headers.get('retry-after')) * 1000)
      return story(user, url, runId)
    }
    expect(answer.status).toBe(200)
    return answer.text()
  }

  /** What of it has a number, and is kept. */
  const durable = (events: string): readonly string[] =>
    events.split('\n\n').filter((event) => event.startsWith('id:'))

  /**
   * Runs are accepted, and the server is killed in the middle of them and started again. Whether a third process tells
   * what has ended as the second one did.
   */
  const survives = async (args: readonly string[]): Promise<boolean> => {
    const first = await start(args, ignore)
    // One more than may execute at once: it waits.
    const accepted: (readonly [string, string])[] = []
    for (const user of ['alice', 'bob', 'alice', 'alice', 'alice', 'alice']) {
      accepted.push([user, await startRun(user, first.url)])
    }
    // Five of them wait for the model to word their report.
    await expect.poll(() => first.model.requests.length, { timeout: 60_000 }).toBe(5)
    first.main.child.kill('SIGKILL')
    expect(await first.main.ended).toBe('SIGKILL')

    const second = await start(args, complete('All is well.'))
    const told = await Promise.all(
      accepted.map(async ([user, runId]) => story(user, second.url, runId)),
    )
    for (const [index, [user]] of accepted.entries()) {
      const events = told[index] ?? ''
      expect(events.match(/^event: agent_completed$/gm)).toHaveLength(1)
      expect(events).toContain('All is well.')
      expect(events).toContain(`of-${user}`)
      expect(events).not.toContain(`of-${user === 'alice' ? 'bob' : 'alice'}`)
      // Without a gap, over both processes.
      const ids = [...events.matchAll(/^id: .*:(\d+)$/gm)].map(([, seq]) => Number(seq))
      expect(ids).toEqual(ids.map((_, seq) => seq))
    }
    const restarted = told.filter((events) => events.includes('event: attempt_restarted'))
    expect(restarted).toHaveLength(5)

    // It is asked to stop while nothing is at work, and does; what has ended is told the same by the next one.
    second.main.child.kill('SIGTERM')
    expect(await second.main.ended).toBe(0)
    const third = await start(args, ignore)
    const [[user, runId] = ['', '']] = accepted
    return isDeepStrictEqual(durable(await story(user, third.url, runId)), durable(told[0] ?? ''))
  }

  test('in a folder, runs that were accepted go on after the server was killed and started again', async () => {
    expect(await survives(['--data-dir', join(folder, 'data')])).toBe(true)
  })

  test.skipIf(skippedWithoutPostgres !== '')(
    `${skippedWithoutPostgres}in PostgreSQL, too`,
    async () => {
      cluster = await startPostgres({ durable: false })
      const keys = join(folder, 'shared.keys.json')
      const args = ['--database-url', await cluster.database(), '--keys', keys]
      expect(await survives(args)).toBe(true)
    },
  )
})
