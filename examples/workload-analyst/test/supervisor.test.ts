import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { generateSampleLog, workloadResult } from '../src/index.ts'
import { analyzeLog } from './logs.ts'
import { type Analyst, resultOf, startAnalyst } from './support/analyst.ts'
import { createCanaryLog } from './support/canary-log.ts'

let analyst: Analyst

beforeAll(async () => {
  analyst = await startAnalyst({ engineLimits: { queue: 64 } })
})
afterAll(() => analyst.close())

const problem = z.object({
  status: z.int(),
  code: z.string(),
  detail: z.string().optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
})

const readProblem = async (answer: Response): Promise<z.output<typeof problem>> => {
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  return problem.parse(await answer.json())
}

describe('a run over HTTP', () => {
  // origins: DMO-5
  test('gives the result that its schema promises, equal to the analysis without agents', async () => {
    const log = generateSampleLog({ seed: 3, calls: 1000, profile: 'code-completion' })
    const events = await analyst.run('alice', log)
    const result = workloadResult.parse(resultOf(events))
    expect(result).toEqual(await analyzeLog(log))
    expect(result.totals.calls).toBeGreaterThan(1000)
    const numbers = events.flatMap((event) => ('seq' in event ? [event.seq] : []))
    expect(numbers).toEqual(numbers.map((_, index) => index))
  })

  test('of a log that cannot be read ends in an error with the line and the reason', async () => {
    const events = await analyst.run('alice', 'input_tokens,output_tokens\n1,2\n3,many\n')
    expect(events.at(-1)).toMatchObject({
      type: 'agent_error',
      data: {
        error: { code: 'UNREADABLE_LOG', message: expect.stringMatching(/^line 3: .*"many"/) },
      },
    })
  })

  test('takes a log of ten million characters, and adds all of it up', async () => {
    const row = '2025-03-03T09:00:00Z,gpt-4.1,1200,300\n'
    const header = 'timestamp,model,input_tokens,output_tokens\n'
    const rows = Math.floor((10_000_000 - header.length) / row.length)
    const events = await analyst.run('alice', header + row.repeat(rows))
    const { totals } = workloadResult.parse(resultOf(events))
    expect(totals).toMatchObject({
      calls: rows,
      inputTokens: rows * 1200,
      outputTokens: rows * 300,
    })
  }, 60_000)
})

describe('bad input', () => {
  const start = '/v1/agents/supervisor/runs'

  test('a log of more than ten million characters is refused with its path', async () => {
    const answer = await analyst.send('alice', 'POST', start, {
      input: { log: 'x'.repeat(10_000_001) },
    })
    expect(answer.status).toBe(422)
    const { code, errors } = await readProblem(answer)
    expect(code).toBe('invalid_input')
    expect(errors).toEqual([
      { path: 'input.log', message: expect.stringContaining('at most 10,000,000 characters') },
    ])
  })

  test('a body beyond what the server takes is refused before it is read', async () => {
    const answer = await analyst.send('alice', 'POST', start, {
      input: { log: '\n'.repeat(7_000_000) },
    })
    expect(answer.status).toBe(413)
    expect((await readProblem(answer)).code).toBe('body_too_large')
  })

  test.each([
    ['a log that is no text', start, { input: { log: 7 } }, 422, 'invalid_input', ['input.log']],
    ['no log', start, { input: {} }, 422, 'invalid_input', ['input.log']],
    [
      'a field that is unknown',
      start,
      { input: { log: '', user: 'bob' } },
      422,
      'invalid_input',
      ['input'],
    ],
    ['JSON that is broken', start, '{"input":', 400, 'malformed_json', undefined],
    [
      'an agent that is not there',
      '/v1/agents/nobody/runs',
      { input: {} },
      404,
      'agent_not_found',
      undefined,
    ],
    [
      'a stage, which is no agent of its own',
      '/v1/agents/triage/runs',
      { input: { log: '' } },
      404,
      'agent_not_found',
      undefined,
    ],
  ])('%s is refused clearly', async (_case, path, body, status, code, paths) => {
    const answer = await analyst.send('alice', 'POST', path, body)
    expect(answer.status).toBe(status)
    const told = await readProblem(answer)
    expect(told.code).toBe(code)
    expect(told.errors?.map((error) => error.path)).toEqual(paths)
  })

  test.each([
    ['no token', {}, 'unauthenticated'],
    ['a wrong token', { authorization: 'Bearer not-a-token' }, 'invalid_token'],
  ])('%s is refused with 401', async (_case, headers, code) => {
    const answer = await fetch(`${analyst.url}/v1/runs`, { headers })
    expect(answer.status).toBe(401)
    expect((await readProblem(answer)).code).toBe(code)
  })
})

// origins: SUP-1
test('fifty-two users at once each get their own answer, and no event of anybody else', async () => {
  const users = Array.from({ length: 52 }, (_, number) => ({
    userId: `user-${number}`,
    log: createCanaryLog(number),
  }))
  const answers = await Promise.all(
    users.map(async ({ userId, log }) => ({
      userId,
      log,
      events: await analyst.run(userId, log.text),
    })),
  )
  const everyName = users.flatMap(({ log }) => [log.model, log.feature])
  for (const { userId, log, events } of answers) {
    const { totals, spendByModel, spendByFeature } = workloadResult.parse(resultOf(events))
    expect(totals).toMatchObject({ calls: log.calls, inputTokens: log.inputTokens })
    expect(totals.costUsd).toBe(log.calls * 0.25)
    expect(spendByModel?.map(({ name }) => name)).toEqual([log.model])
    expect(spendByFeature?.map(({ name }) => name)).toEqual([log.feature])
    expect(new Set(events.map((event) => event.userId))).toEqual(new Set([userId]))
    expect(new Set(events.map((event) => event.runId)).size).toBe(1)
    const said = JSON.stringify(events)
    expect(everyName.filter((name) => said.includes(name))).toEqual([log.model, log.feature])
  }
  expect(new Set(answers.map(({ events }) => events[0]?.runId)).size).toBe(52)
}, 60_000)

const path = process.env['RINGFENCE_SAMPLE_LOG'] ?? ''
const skipped = path === '' ? 'skipped: RINGFENCE_SAMPLE_LOG is not set: ' : ''

test.skipIf(path === '')(
  `${skipped}two users run a real log among fifty others, and get 8819 calls, 18059974 and 245896 tokens`,
  async () => {
    const log = readFileSync(path, 'utf8')
    const others = Array.from({ length: 50 }, (_, number) => createCanaryLog(number))
    const [alice, bob, ...rest] = await Promise.all([
      analyst.run('alice', log),
      analyst.run('bob', log),
      ...others.map((other, number) => analyst.run(`other-${number}`, other.text)),
    ])
    for (const events of [alice, bob]) {
      const { totals } = workloadResult.parse(resultOf(events ?? []))
      expect(totals).toMatchObject({ calls: 8819, inputTokens: 18_059_974, outputTokens: 245_896 })
      expect(totals.costUsd).toBeNull()
      expect(JSON.stringify(events)).not.toContain('canary')
    }
    expect(new Set(alice?.map((event) => event.userId))).toEqual(new Set(['alice']))
    expect(new Set(bob?.map((event) => event.userId))).toEqual(new Set(['bob']))
    expect(rest.map((events) => workloadResult.parse(resultOf(events)).totals.calls)).toEqual(
      others.map(({ calls }) => calls),
    )
  },
  60_000,
)
