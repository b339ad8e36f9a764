import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  defineAgent,
  EngineError,
  MemoryRunStore,
  type DurableEvent,
  type UnnumberedEvent,
} from '../src/index.ts'
import { modelAgent } from '../src/model/index.ts'
import { RunJournal } from '../src/events/run-journal.ts'
import { batchedTextContract } from './contract/batched-text-contract.ts'
import { caught } from './support/caught.ts'
import { deferred, nextTurn } from './support/deferred.ts'
import { engineOf, runToEnd } from './support/engine.ts'
import { mockModel, said } from './support/mock-models.ts'
import { storeWith } from './support/store-with.ts'
import { alice, users } from './support/users.ts'

/** A memory store that asks for batches, counts what it is asked for, and takes its time. */
class BatchingRunStore extends MemoryRunStore {
  readonly batchMs: number
  readonly appends = new Map<string, number>()
  readonly lost = new Set<string>()
  delayMs: () => number | undefined = () => undefined
  fail: () => void = () => undefined

  constructor(batchMs: number) {
    super({ eventsPerRun: 100_000 })
    this.batchMs = batchMs
  }

  override async append(
    runId: string,
    events: readonly UnnumberedEvent[],
  ): Promise<readonly DurableEvent[]> {
    const ms = this.delayMs()
    if (ms !== undefined) await new Promise((resolve) => setTimeout(resolve, ms))
    this.fail()
    if (this.lost.has(runId)) throw new EngineError('ATTEMPT_OVER', 'Somebody else has the run.')
    this.appends.set(runId, (this.appends.get(runId) ?? 0) + 1)
    return super.append(runId, events)
  }
}

batchedTextContract('the memory store', async (batchMs) => {
  const runs = new BatchingRunStore(batchMs)
  return {
    store: storeWith({ runs }),
    stored: async (runId) => ({
      rows: ((await runs.get(runId))?.lastSeq ?? -1) + 1,
      appends: runs.appends.get(runId) ?? 0,
    }),
    takeAway: async (runId) => void runs.lost.add(runId),
  }
})

test('a memory store asks for no batches: each piece is stored when its promise resolves', () => {
  expect(new MemoryRunStore()).not.toHaveProperty('batchMs')
})

test.each(['says more', 'ends'])(
  'a run whose text could not be stored does not complete, where its agent was let go on and %s',
  async (next) => {
    const runs = new BatchingRunStore(200)
    const failed = deferred()
    let saidMore: unknown
    const agent = defineAgent({
      name: 'talks',
      input: z.object({}),
      output: z.null(),
      run: async (_, execution) => {
        await execution.text('kept')
        runs.fail = () => {
          runs.fail = () => undefined
          failed.resolve()
          throw new Error('the disk is full')
        }
        await execution.text('lost')
        await failed.promise
        if (next === 'ends') return null
        await nextTurn()
        saidMore = await caught(() => execution.text('more'))
        return null
      },
    })
    const engine = engineOf([agent], { store: storeWith({ runs }) })
    await users.run(alice, async () => {
      const story = await runToEnd(engine, 'talks')
      expect(story.map(({ type }) => type)).toEqual(['agent_started', 'agent_text', 'agent_error'])
      const unavailable = { code: 'STORE_UNAVAILABLE', cause: { message: 'the disk is full' } }
      expect(next === 'ends' ? unavailable : saidMore).toMatchObject(unavailable)
    })
    await engine.close()
  },
)

test('pieces of a model are one event where they wait together, and never longer than one may be', async () => {
  const runs = new BatchingRunStore(1_000_000)
  const words = Array.from({ length: 3_000 }, (_, index) => `word ${index}, `)
  const model = mockModel('v4', () => said(...words))
  const assistant = modelAgent({ name: 'assistant', model })
  const engine = engineOf([assistant], { store: storeWith({ runs }) })
  await users.run(alice, async () => {
    const story = await runToEnd(engine, 'assistant', { message: 'Go on.' })
    const pieces = story.flatMap((event) => (event.type === 'agent_text' ? [event.data.delta] : []))
    expect(pieces.join('')).toBe(words.join(''))
    expect(pieces.length).toBeLessThanOrEqual(8)
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(16_384)
  })
  await engine.close()
})

test('only text of one agent becomes one event, and only where it was asked for', async () => {
  const store = new BatchingRunStore(1_000_000)
  await users.run(alice, async () => {
    const journal = await journalOn(store)
    for (const [agent, delta, joins] of [
      ['one', 'a', true],
      ['one', 'b', true],
      ['one', 'c', true],
      ['two', 'd', true],
      ['two', 'e', false],
      ['one', 'f', true],
    ] as const) {
      await journal.append({ type: 'agent_text', agent, data: { delta } }, joins)
    }
    await journal.end(...ending)
    const { events = [] } = (await store.read('r', undefined, 100)) ?? {}
    expect(events.map(({ agent, data }) => [agent, data])).toMatchObject([
      ['one', { delta: 'a' }],
      ['one', { delta: 'bc' }],
      ['two', { delta: 'd' }],
      ['two', { delta: 'e' }],
      ['one', { delta: 'f' }],
      ['one', {}],
    ])
  })
})

async function journalOn(store: BatchingRunStore): Promise<RunJournal> {
  const createdAt = new Date(0).toISOString()
  await store.create({ runId: 'r', agent: 'one', requestId: 'q', createdAt })
  return new RunJournal({
    identity: { runId: 'r', requestId: 'q', userId: 'alice' },
    store,
    show: () => undefined,
    onLost: (error) => expect.unreachable(String(error)),
    now: () => 0,
  })
}

const ending = [
  { type: 'agent_completed', agent: 'one', data: { durationMs: 0 } },
  { code: 'AGENT_FAILED', message: '' },
] as const

const drafts = {
  text: (number: number) => ({ type: 'agent_text', data: { delta: `${number}` } }) as const,
  thought: (number: number) =>
    ({ type: 'agent_thinking', data: { text: `${number}`, step: 1 } }) as const,
  usage: (number: number) => ({ type: 'usage_recorded', data: { costMicros: number } }) as const,
}

test('whatever is emitted, however slowly it is stored: everything once, in the order it was emitted, and the end last', async () => {
  const step = fc.record({
    kind: fc.constantFrom('text', 'text', 'text', 'thought', 'usage'),
    agent: fc.constantFrom('one', 'two'),
    waits: fc.boolean(),
    pauses: fc.boolean(),
  })
  const stories = fc.record({
    batchMs: fc.constantFrom(1, 3, 1_000_000),
    delays: fc.array(fc.constantFrom(undefined, 0, 2), { minLength: 1, maxLength: 5 }),
    steps: fc.array(step, { maxLength: 60 }),
  })
  const property = fc.asyncProperty(stories, async ({ batchMs, delays, steps }) => {
    const store = new BatchingRunStore(batchMs)
    let asked = 0
    store.delayMs = () => delays[(asked += 1) % delays.length]
    await users.run(alice, async () => {
      const journal = await journalOn(store)
      const promises: (Promise<void> | undefined)[] = []
      for (const [number, { kind, agent, waits, pauses }] of steps.entries()) {
        const written = journal.append({ ...drafts[kind](number), agent })
        promises.push(written)
        if (waits) await written
        if (pauses) await new Promise((resolve) => setTimeout(resolve, 1))
      }
      await journal.end(...ending)
      await Promise.all(promises.filter((written) => written !== undefined))
      const { events = [], ended } = (await store.read('r', undefined, 1_000)) ?? {}
      expect(ended).toBe(true)
      expect(events.map(({ seq }) => seq)).toEqual([...events.keys()])
      expect(events.map(({ type, agent, data }) => ({ type, agent, data }))).toEqual([
        ...steps.map(({ kind, agent }, number) => ({ ...drafts[kind](number), agent })),
        ending[0],
      ])
    })
  })
  await fc.assert(property, { numRuns: 60 })
})
