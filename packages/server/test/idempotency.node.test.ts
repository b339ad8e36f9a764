import { EngineError, type EngineErrorCode } from '@ringfence/engine'
import { expect, test } from 'vitest'
import { toProblem } from '../src/problems/to-problem.ts'
import { Client, json } from './support/client.ts'
import { serve } from './support/serve.ts'

interface Started {
  readonly runId: string
}

const path = '/v1/agents/echo/runs'
const body = { input: { text: 'once' } }

const started = async (response: Response): Promise<string> => {
  expect(response.status).toBe(202)
  return (await json<Started>(response)).runId
}

test('a request that is sent again with its key starts nothing again, also at the same time', async () => {
  const alice = await Client.of(await serve(), 'alice')
  const headers = { 'idempotency-key': '"order 17"' }
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => alice.post(path, body, headers)),
  )
  const runs = new Set(await Promise.all(answers.map(started)))
  expect(runs.size).toBe(1)
  const [runId = ''] = runs
  const stories = await alice.story(runId)
  expect(stories.at(-1)?.event.type).toBe('agent_completed')
  expect(await started(await alice.post(path, body, headers))).toBe(runId)
  const listed = await json<{ runs: readonly Started[] }>(await alice.request('/v1/runs'))
  expect(listed.runs).toHaveLength(1)
})

test('a key without quotes is the same key; another key, and no key, start another run', async () => {
  const alice = await Client.of(await serve(), 'alice')
  const runs = []
  for (const key of ['"abc-1"', 'abc-1', '"abc-2"'])
    runs.push(await started(await alice.post(path, body, { 'idempotency-key': key })))
  runs.push(await started(await alice.post(path, body)))
  expect(runs[1]).toBe(runs[0])
  expect(new Set(runs).size).toBe(3)
})

test("one user's key is nothing to another user", async () => {
  const server = await serve()
  const [alice, bob] = [await Client.of(server, 'alice'), await Client.of(server, 'bob')]
  const headers = { 'idempotency-key': '"k"' }
  const hers = await started(await alice.post(path, { input: { text: 'hers' } }, headers))
  const his = await started(await bob.post(path, { input: { text: 'his' } }, headers))
  expect(his).not.toBe(hers)
  expect(JSON.stringify(await bob.story(his))).not.toContain('hers')
})

test.each([
  ['another input', { input: { text: 'twice' } }],
  ['another thread', { ...body, threadId: 'other' }],
])('a key with %s is a 422', async (_, other) => {
  const alice = await Client.of(await serve(), 'alice')
  const headers = { 'idempotency-key': '"k"' }
  await started(await alice.post(path, body, headers))
  const refused = await alice.post(path, other, headers)
  expect(refused.status).toBe(422)
  expect(await json(refused)).toMatchObject({ code: 'idempotency_conflict' })
})

test.each([
  '',
  '""',
  '"   "',
  '"open',
  'a b',
  '"a", "b"',
  'a, b',
  '"a" "b"',
  `"${'x'.repeat(257)}"`,
])('the key %s is a 400, and starts nothing', async (key) => {
  const alice = await Client.of(await serve(), 'alice')
  const refused = await alice.post(path, body, { 'idempotency-key': key })
  expect(refused.status).toBe(400)
  expect(await json(refused)).toMatchObject({ code: 'invalid_idempotency_key' })
  expect(await json(await alice.request('/v1/runs'))).toEqual({ runs: [] })
})

const refusals: readonly (readonly [EngineErrorCode, number, string])[] = [
  ['THREAD_NOT_FOUND', 404, 'thread_not_found'],
  ['APPROVAL_NOT_FOUND', 404, 'approval_not_found'],
  ['RUN_GOES_ON', 409, 'run_goes_on'],
  ['THREAD_BUSY', 409, 'thread_busy'],
  ['THREAD_FULL', 409, 'thread_full'],
  ['DUPLICATE_MESSAGE', 409, 'duplicate_message'],
  ['APPROVAL_RESOLVED', 409, 'approval_resolved'],
  ['MESSAGE_TOO_LARGE', 413, 'message_too_large'],
  ['IDEMPOTENCY_CONFLICT', 422, 'idempotency_conflict'],
  ['DELEGATION_TOO_DEEP', 422, 'delegation_too_deep'],
  ['BUDGET_EXCEEDED', 429, 'budget_exceeded'],
  ['IDEMPOTENCY_LIMIT', 429, 'idempotency_limit'],
  ['APPROVAL_LIMIT', 429, 'approval_limit'],
  ['TOO_MANY_ORPHANS', 429, 'too_many_orphans'],
  ['SLOW_FOLLOWER', 429, 'slow_follower'],
  ['CIRCUIT_OPEN', 503, 'dependency_unavailable'],
  ['STORE_TIMEOUT', 503, 'dependency_unavailable'],
  ['STORE_UNAVAILABLE', 503, 'dependency_unavailable'],
  ['AGENT_FAILED', 500, 'internal_error'],
]

test.each(refusals)('what the engine refuses with %s is a %i %s', (code, status, problem) => {
  const refused = toProblem(new EngineError(code, 'the canary'))
  expect(refused).toMatchObject({ status, code: problem })
  expect(JSON.stringify([refused.message, refused.detail, refused.errors])).not.toContain('canary')
  const waits = status === 429 || status === 503 || code === 'THREAD_BUSY'
  expect('retry-after' in refused.headers).toBe(waits)
})

test('a start that is still in work is a 409 that says when to ask again', () => {
  const error = new EngineError('IDEMPOTENCY_CONFLICT', 'just now', { retryAfterMs: 1_500 })
  expect(toProblem(error)).toMatchObject({
    status: 409,
    code: 'request_in_progress',
    headers: { 'retry-after': '2' },
  })
})
