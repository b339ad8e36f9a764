import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineAgent, defineTool, type AgentEvent, type UserExecutionEngine } from '../src/index.ts'
import { modelAgent } from '../src/model/index.ts'
import { deferred } from './support/deferred.ts'
import { engineOf, runToEnd } from './support/engine.ts'
import { FailingRunStore } from './support/failing-run-store.ts'
import { mockModel, said } from './support/mock-models.ts'
import { expectNothingLeft } from './support/quiet.ts'
import { storeWith } from './support/store-with.ts'
import { alice, bob, users } from './support/users.ts'

const input = { message: 'Hello' }
const retry = { attempts: 1 }

/** As provider packages throw them. */
function apiError(statusCode: number, isRetryable = statusCode === 429): Error {
  return Object.assign(new Error(`status ${statusCode}`), { statusCode, isRetryable })
}

const codeOf = (story: readonly AgentEvent[]): unknown => {
  const last = story.at(-1)
  return last?.type === 'agent_error' ? last.data.error.code : last?.type
}

const asAlice = (engine: UserExecutionEngine, agent = 'assistant'): Promise<unknown> =>
  users.run(alice, async () => codeOf(await runToEnd(engine, agent, input)))

test('a storm of 429 opens the circuit for the one user whom it meets', async () => {
  let now = 1_000_000
  const model = mockModel('v4', () => {
    if (users.current().userId === 'alice' && now < 1_030_000) throw apiError(429)
    return said('Hi.')
  })
  const assistant = modelAgent({ name: 'assistant', model, retry })
  const engine = engineOf([assistant], { now: () => now })
  for (let call = 0; call < 3; call += 1) expect(await asAlice(engine)).toBe('MODEL_FAILED')
  const called = model.doStreamCalls.length
  const refused = await users.run(alice, () => runToEnd(engine, 'assistant', input))
  expect(refused.at(-1)).toMatchObject({
    type: 'agent_error',
    data: { error: { code: 'CIRCUIT_OPEN' } },
  })
  expect(model.doStreamCalls).toHaveLength(called)
  expect(engine.dependencies()).toEqual([
    { dependency: `${model.provider}/${model.modelId}`, open: 1, halfOpen: 0, failing: 0 },
  ])
  const ofBob = await users.run(bob, () => runToEnd(engine, 'assistant', input))
  expect(codeOf(ofBob)).toBe('agent_completed')
  // When it has been open for long enough, the model is tried again.
  now += 30_000
  for (let call = 0; call < 3; call += 1) expect(await asAlice(engine)).toBe('agent_completed')
  expect(engine.dependencies()).toEqual([])
  await expectNothingLeft(engine)
})

test('three tries of one run open it, and the run says why it failed', async () => {
  const model = mockModel('v3', () => {
    throw apiError(429)
  })
  const often = modelAgent({ name: 'assistant', model, retry: { attempts: 5, baseMs: 1 } })
  const engine = engineOf([often])
  expect(await asAlice(engine)).toBe('MODEL_FAILED')
  expect(model.doStreamCalls).toHaveLength(3)
  expect(await asAlice(engine)).toBe('CIRCUIT_OPEN')
  await expectNothingLeft(engine)
})

test.each([
  ['a refusal that says so', () => apiError(500)],
  ['a refusal by its status', () => Object.assign(new Error('no'), { statusCode: 403 })],
])('%s is an answer, and opens nothing', async (_title, refusal) => {
  const model = mockModel('v4', () => {
    throw refusal()
  })
  const engine = engineOf([modelAgent({ name: 'assistant', model, retry: { baseMs: 1 } })])
  for (let call = 0; call < 5; call += 1) expect(await asAlice(engine)).toBe('MODEL_FAILED')
  expect(model.doStreamCalls).toHaveLength(5)
  expect(engine.dependencies()).toEqual([])
})

test('a run that is cancelled says nothing of the model', async () => {
  let begun = deferred()
  const model = mockModel('v4', () => {
    begun.resolve()
    return new ReadableStream()
  })
  const engine = engineOf([modelAgent({ name: 'assistant', model, retry })])
  for (let call = 0; call < 4; call += 1) {
    begun = deferred()
    await users.run(alice, async () => {
      const { runId } = await engine.start('assistant', input)
      await begun.promise
      expect(await engine.cancel(runId)).toMatchObject({ status: 'cancelled' })
    })
  }
  expect(engine.dependencies()).toEqual([])
  await expectNothingLeft(engine)
})

test('a store that takes no answer is no fault of the model', async () => {
  const runs = new FailingRunStore()
  const model = mockModel('v4', () => said('Hi.'))
  const engine = engineOf([modelAgent({ name: 'assistant', model, retry })], {
    store: storeWith({ runs }),
  })
  runs.fail = (_method, events) => {
    // One that the engine passes on as it came, so that its form does not say whose it is.
    if (events.some(({ type }) => type === 'agent_text')) throw new RangeError('the store is full')
  }
  for (let call = 0; call < 4; call += 1) expect(await asAlice(engine)).not.toBe('CIRCUIT_OPEN')
  expect(model.doStreamCalls).toHaveLength(4)
  expect(engine.dependencies()).toEqual([])
})

test('agents and tools that name the same dependency share its circuit', async () => {
  const model = mockModel('v4', () => {
    throw apiError(429)
  })
  const search = defineTool({
    name: 'search',
    input: z.object({}),
    output: z.null(),
    dependency: 'acme',
    run: () => null,
  })
  const searcher = defineAgent({
    name: 'searcher',
    input: z.object({ message: z.string() }),
    output: z.null(),
    run: (_, agent) => agent.call(search, {}),
  })
  const engine = engineOf([
    modelAgent({ name: 'assistant', model, retry: { baseMs: 1 }, dependency: 'acme' }),
    searcher,
  ])
  expect(await asAlice(engine, 'searcher')).toBe('agent_completed')
  expect(await asAlice(engine)).toBe('MODEL_FAILED')
  expect(await asAlice(engine, 'searcher')).toBe('CIRCUIT_OPEN')
  expect(() => modelAgent({ name: 'assistant', model, dependency: 'no name, is it?' })).toThrow(
    TypeError,
  )
})
