import { describe, expect, test } from 'vitest'
import { MemoryRunStore, type UnnumberedEvent } from '../src/index.ts'
import { caught, engineError } from './support/caught.ts'
import { runStoreContract } from './contract/run-store-contract.ts'
import { untyped } from './support/untyped.ts'
import { alice, bob, users } from './support/users.ts'

runStoreContract('the memory store', () => ({ store: new MemoryRunStore() }))

const at = new Date(0).toISOString()
const stamp = (runId: string): Omit<UnnumberedEvent, 'type' | 'data'> => ({
  at,
  runId,
  requestId: 'r',
  userId: 'alice',
  agent: 'agent',
})
const said = (runId: string, delta: string): UnnumberedEvent => ({
  ...stamp(runId),
  type: 'agent_text',
  data: { delta },
})
const completed = (runId: string): UnnumberedEvent => ({
  ...stamp(runId),
  type: 'agent_completed',
  data: { result: null, durationMs: 1 },
})

async function create(store: MemoryRunStore, ...runIds: readonly string[]): Promise<void> {
  for (const runId of runIds) {
    await store.create({ runId, agent: 'agent', requestId: 'r', createdAt: at })
  }
}

async function kept(store: MemoryRunStore): Promise<string[]> {
  return (await store.list({ limit: 100 })).runs.map(({ runId }) => runId).toReversed()
}

test('the memory store counts what its events take as JSON, whoever says what', async () => {
  const store = new MemoryRunStore()
  const wild = { requestId: '"\\\u0007\ud800', userId: 'ü', agent: 'other' }
  const events = [
    said('r', 'a'),
    said('r', '"quoted"\n\ud800'),
    { ...said('r', 'b'), ...wild },
    { ...said('r', 'c'), ...wild, threadId: 't' },
    said('r', 'd'),
    { ...said('r', 'e'), agent: 'another' },
    said('r', 'f'),
    { ...said('r', 'g'), requestId: 'another' },
    said('r', 'h'),
    { ...said('r', 'i'), userId: 'another' },
    said('r', 'j'),
    { ...said('r', 'k'), threadId: 'another' },
    { ...said('r', 'h'), at: 'then' },
    ...Array.from({ length: 10 }, (_, index) => said('r', String(index))),
  ]
  await users.run(alice, async () => {
    await create(store, 'r')
    const stored = await store.append('r', events)
    const [last] = await store.append('r', [completed('r')])
    const written = [...stored, last].map((event) => JSON.stringify(event).length)
    expect(store.characters).toBe(written.reduce((sum, characters) => sum + characters, 0))
  })
})

describe('the memory store forgets', () => {
  // origins: UEE-2 TRK-2 BRG-9
  test("an owner's oldest runs beyond the limit, and nobody else's", async () => {
    const store = new MemoryRunStore({ runsPerOwner: 3 })
    await users.run(bob, async () => {
      await create(store, 'his')
      await store.append('his', [completed('his')])
    })
    await users.run(alice, async () => {
      for (const runId of ['a', 'b', 'c', 'd', 'e']) {
        await create(store, runId)
        await store.append(runId, [completed(runId)])
      }
      expect(await kept(store)).toEqual(['c', 'd', 'e'])
      expect(await store.get('a')).toBeUndefined()
      expect(await store.read('a', undefined, 10)).toBeUndefined()
    })
    await users.run(bob, async () => expect(await kept(store)).toEqual(['his']))
  })

  test('the oldest runs of all beyond the limit in total', async () => {
    const store = new MemoryRunStore({ runs: 3 })
    await users.run(bob, async () => {
      await create(store, 'his')
      await store.append('his', [completed('his')])
    })
    await users.run(alice, async () => {
      for (const runId of ['a', 'b', 'c']) {
        await create(store, runId)
        await store.append(runId, [completed(runId)])
      }
      expect(await kept(store)).toEqual(['a', 'b', 'c'])
    })
    await users.run(bob, async () => expect(await kept(store)).toEqual([]))
  })

  test('never a run that has not ended; and comes back to its limits when they have', async () => {
    const store = new MemoryRunStore({ runsPerOwner: 2, runs: 3 })
    await users.run(alice, async () => {
      await create(store, 'a', 'b', 'c', 'd', 'e')
      expect(await kept(store)).toEqual(['a', 'b', 'c', 'd', 'e'])
      for (const runId of ['c', 'a', 'e', 'b', 'd']) await store.append(runId, [completed(runId)])
      expect(await kept(store)).toHaveLength(2)
      await create(store, 'f')
      expect(await kept(store)).toHaveLength(2)
      expect(await kept(store)).toContain('f')
    })
  })

  // origins: UCM-1 BRG-9
  test("a run's oldest events beyond the limit: a cursor before them gets CURSOR_EVICTED", async () => {
    const store = new MemoryRunStore({ eventsPerRun: 10 })
    await users.run(alice, async () => {
      await create(store, 'a')
      for (let index = 0; index < 25; index += 1) {
        await store.append('a', [said('a', String(index))])
        const { events } = (await store.read('a', Math.max(index - 5, -1), 100)) ?? { events: [] }
        expect(events.at(-1)?.seq).toBe(index)
      }
      const error = await engineError(() => store.read('a', undefined, 10))
      expect(error.code).toBe('CURSOR_EVICTED')
      expect((await engineError(() => store.read('a', 3, 10))).code).toBe('CURSOR_EVICTED')
      const oldest = Number(/before number (\d+)/.exec(error.message)?.[1])
      expect(oldest).toBeGreaterThanOrEqual(15)
      expect((await store.read('a', oldest - 1, 100))?.events).toHaveLength(25 - oldest)
      expect((await engineError(() => store.read('a', oldest - 2, 100))).code).toBe(
        'CURSOR_EVICTED',
      )
    })
  })

  test('the oldest runs when the characters are too many, and its account comes back to nothing', async () => {
    const store = new MemoryRunStore({ characters: 10_000 })
    await users.run(alice, async () => {
      for (let run = 0; run < 30; run += 1) {
        await create(store, `run-${run}`)
        await store.append(`run-${run}`, [said(`run-${run}`, 'x'.repeat(1_000))])
        await store.append(`run-${run}`, [completed(`run-${run}`)])
        expect(store.characters).toBeLessThanOrEqual(10_000)
        expect(store.characters).toBeGreaterThan(1_000)
      }
      const runs = await kept(store)
      expect(runs.length).toBeGreaterThan(4)
      expect(runs.length).toBeLessThan(10)
      expect(runs.at(-1)).toBe('run-29')
    })
    store.clear()
    expect(store.characters).toBe(0)
  })

  test('the oldest events of the run that writes, where nothing else can go: the limit holds', async () => {
    const store = new MemoryRunStore({ characters: 10_000 })
    await users.run(alice, async () => {
      await create(store, 'a')
      for (let index = 0; index < 50; index += 1) {
        await store.append('a', [said('a', 'x'.repeat(1_000))])
        expect(store.characters).toBeLessThanOrEqual(10_000)
      }
      expect(await store.get('a')).toMatchObject({ lastSeq: 49 })
      expect((await engineError(() => store.read('a', 5, 10))).code).toBe('CURSOR_EVICTED')
      expect((await store.read('a', 47, 10))?.events).toHaveLength(2)
    })
  })

  test("an owner's own events when theirs are too many, before anybody else's", async () => {
    const store = new MemoryRunStore({ charactersPerOwner: 5_000, characters: 20_000 })
    await users.run(bob, async () => {
      await create(store, 'his')
      await store.append('his', [said('his', 'y'.repeat(1_000)), completed('his')])
    })
    await users.run(alice, async () => {
      for (let run = 0; run < 40; run += 1) {
        await create(store, `run-${run}`)
        await store.append(`run-${run}`, [said(`run-${run}`, 'x'.repeat(1_000))])
        await store.append(`run-${run}`, [completed(`run-${run}`)])
      }
      expect((await kept(store)).length).toBeLessThan(5)
      await create(store, 'long')
      for (let index = 0; index < 40; index += 1) {
        await store.append('long', [said('long', 'x'.repeat(1_000))])
      }
      expect(await kept(store)).toEqual(['long'])
    })
    await users.run(bob, async () => {
      expect((await store.read('his', undefined, 10))?.events).toHaveLength(2)
    })
    expect(store.characters).toBeLessThan(8_000)
  })

  test('nothing of a batch that it could not measure: all of it or none', async () => {
    const store = new MemoryRunStore()
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    await users.run(alice, async () => {
      await create(store, 'a')
      const broken = { ...completed('a'), data: { result: cycle, durationMs: 1 } }
      const batch = untyped<UnnumberedEvent[]>([said('a', 'x'), broken])
      expect(await caught(() => store.append('a', batch))).toBeInstanceOf(TypeError)
      expect(await store.get('a')).toMatchObject({ status: 'queued', lastSeq: -1 })
      expect(store.characters).toBe(0)
      await store.append('a', [said('a', 'y')])
      expect((await store.read('a', undefined, 10))?.events).toMatchObject([{ seq: 0 }])
    })
  })
})

test.each(['runsPerOwner', 'runs', 'eventsPerRun', 'charactersPerOwner', 'characters'] as const)(
  'the memory store cannot keep 0 %s',
  (name) => {
    expect(() => new MemoryRunStore({ [name]: 0 })).toThrow(
      `Expected \`${name}\` to be a whole number >= 1`,
    )
  },
)
