import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { currentScope } from '@ringfence/context'
import type { DurableEvent, NewRun, RunPage, RunStore, UnnumberedEvent } from '../../src/index.ts'
import { caught, contextError, engineError } from '../support/caught.ts'
import { alice, bob, users } from '../support/users.ts'
import { until } from '../support/deferred.ts'

/** A store under test, and how to get rid of it. */
export interface StoreUnderTest {
  readonly store: RunStore
  readonly dispose?: () => Promise<void>
}

const at = new Date(0).toISOString()

function newRun(runId: string, agent: string = 'agent'): NewRun {
  return { runId, agent, requestId: 'request-1', createdAt: at }
}

function stamp(runId: string): Omit<UnnumberedEvent, 'type' | 'data'> {
  return { at, runId, requestId: 'request-1', userId: currentScope().owner.userId, agent: 'agent' }
}

const started = (runId: string): UnnumberedEvent => ({
  ...stamp(runId),
  type: 'agent_started',
  data: { queuedMs: 1 },
})
const said = (runId: string, delta: string): UnnumberedEvent => ({
  ...stamp(runId),
  type: 'agent_text',
  data: { delta },
})
const completed = (runId: string, result: unknown = 'done'): UnnumberedEvent => ({
  ...stamp(runId),
  type: 'agent_completed',
  data: { result, durationMs: 1 },
})
const failed = (runId: string): UnnumberedEvent => ({
  ...stamp(runId),
  type: 'agent_error',
  data: { error: { code: 'AGENT_FAILED', message: 'no' }, durationMs: 1 },
})
const cancelled = (runId: string): UnnumberedEvent => ({
  ...stamp(runId),
  type: 'agent_cancelled',
  data: { reason: 'caller', durationMs: 1 },
})

/** What every run store promises. Called once for each implementation. */
export function runStoreContract(
  name: string,
  make: () => Promise<StoreUnderTest> | StoreUnderTest,
): void {
  describe(`${name} as a run store`, () => {
    const disposals: (() => Promise<void>)[] = []

    async function open(): Promise<RunStore> {
      const { store, dispose } = await make()
      if (dispose !== undefined) disposals.push(dispose)
      return store
    }

    afterEach(async () => {
      for (const dispose of disposals.splice(0)) await dispose()
    })

    test('outside a scope every method throws NO_SCOPE', async () => {
      const store = await open()
      const calls: (() => unknown)[] = [
        () => store.create(newRun('a')),
        () => store.append('a', []),
        () => store.get('a'),
        () => store.list(),
        () => store.read('a', undefined, 10),
        () => store.watch('a', () => undefined),
        () => store.delete('a'),
      ]
      for (const call of calls) expect((await contextError(call)).code).toBe('NO_SCOPE')
    })

    test('a new run is queued, and keeps what it was made with', async () => {
      const store = await open()
      await users.run(alice, async () => {
        await store.create({ ...newRun('a'), threadId: 't' })
        expect(await store.get('a')).toEqual({
          ...newRun('a'),
          threadId: 't',
          status: 'queued',
          lastSeq: -1,
        })
        expect(await store.read('a', undefined, 10)).toEqual({ events: [], ended: false })
      })
    })

    test('a run id that is taken is refused, and the run that has it stays', async () => {
      const store = await open()
      await users.run(alice, async () => {
        await store.create(newRun('a', 'first'))
        expect(await caught(() => store.create(newRun('a', 'second')))).toBeInstanceOf(Error)
        expect(await store.get('a')).toMatchObject({ agent: 'first' })
      })
    })

    test('events are numbered from 0 without gaps, in the order they came', async () => {
      const store = await open()
      await users.run(alice, async () => {
        await store.create(newRun('a'))
        const first = await store.append('a', [started('a'), said('a', 'x')])
        const second = await store.append('a', [said('a', 'y'), completed('a')])
        expect([...first, ...second].map(({ seq }) => seq)).toEqual([0, 1, 2, 3])
        expect(await store.append('b', []).catch(() => 'refused')).toBe('refused')
        const batch = await store.read('a', undefined, 10)
        expect(batch).toEqual({ events: [...first, ...second], ended: true })
        expect(batch?.events[1]).toEqual({ ...said('a', 'x'), seq: 1 })
      })
    })

    test('appends that overlap are numbered without gaps as well', async () => {
      const store = await open()
      await users.run(alice, async () => {
        await store.create(newRun('a'))
        const appended = await Promise.all(
          Array.from({ length: 20 }, (_, index) => store.append('a', [said('a', String(index))])),
        )
        const seqs = appended.flatMap((events) => events.map(({ seq }) => seq))
        expect(seqs.toSorted((one, other) => one - other)).toEqual(
          Array.from({ length: 20 }, (_, index) => index),
        )
      })
    })

    test.each([
      ['completed', completed, { result: 'done' }],
      ['failed', failed, { error: { code: 'AGENT_FAILED', message: 'no' } }],
      ['cancelled', cancelled, {}],
    ] as const)("a run's status follows from its events, to %s", async (status, end, extra) => {
      const store = await open()
      await users.run(alice, async () => {
        await store.create(newRun('a'))
        await store.append('a', [started('a')])
        expect(await store.get('a')).toEqual({
          ...newRun('a'),
          status: 'running',
          startedAt: at,
          lastSeq: 0,
        })
        await store.append('a', [said('a', 'x'), end('a')])
        expect(await store.get('a')).toEqual({
          ...newRun('a'),
          status,
          startedAt: at,
          endedAt: at,
          lastSeq: 2,
          ...extra,
        })
      })
    })

    test('after its terminal event a run takes nothing more: RUN_ENDED, and all of it or none', async () => {
      const store = await open()
      await users.run(alice, async () => {
        await store.create(newRun('a'))
        await store.append('a', [completed('a')])
        for (const event of [said('a', 'late'), completed('a', 'again'), failed('a')]) {
          expect((await engineError(() => store.append('a', [event]))).code).toBe('RUN_ENDED')
        }
        expect(await store.get('a')).toMatchObject({ lastSeq: 0, result: 'done' })
        await store.create(newRun('b'))
        const twoEnds = [started('b'), completed('b'), said('b', 'late')]
        expect((await engineError(() => store.append('b', twoEnds))).code).toBe('RUN_ENDED')
        expect(await store.get('b')).toMatchObject({ status: 'queued', lastSeq: -1 })
        expect((await store.read('b', undefined, 10))?.events).toEqual([])
      })
    })

    // origins: TRK-1 TRK-3
    test('a run begins once: RUN_STATE, and all of it or none', async () => {
      const store = await open()
      await users.run(alice, async () => {
        await store.create(newRun('a'))
        const twice = [started('a'), said('a', 'x'), started('a')]
        expect((await engineError(() => store.append('a', twice))).code).toBe('RUN_STATE')
        expect(await store.get('a')).toMatchObject({ status: 'queued', lastSeq: -1 })
        await store.append('a', [started('a')])
        expect((await engineError(() => store.append('a', [started('a')]))).code).toBe('RUN_STATE')
        expect(await store.get('a')).toMatchObject({ status: 'running', lastSeq: 0 })
      })
    })

    test('a batch holds what comes after the cursor, as much as was asked for, and says whether that is all', async () => {
      const store = await open()
      await users.run(alice, async () => {
        await store.create(newRun('a'))
        const all = await store.append('a', [
          started('a'),
          said('a', 'x'),
          said('a', 'y'),
          completed('a'),
        ])
        await fc.assert(
          fc.asyncProperty(
            fc.option(fc.integer({ min: -1, max: 6 }), { nil: undefined }),
            fc.integer({ min: 1, max: 6 }),
            async (after, limit) => {
              const from = (after ?? -1) + 1
              const events = all.slice(from, from + limit)
              const ended = from + events.length >= all.length
              expect(await store.read('a', after, limit)).toEqual({ events, ended })
            },
          ),
        )
      })
    })

    test('what is not there is undefined to read, and RUN_NOT_FOUND to write', async () => {
      const store = await open()
      await users.run(alice, async () => {
        expect(await store.get('missing')).toBeUndefined()
        expect(await store.read('missing', undefined, 10)).toBeUndefined()
        expect(
          (await engineError(() => store.append('missing', [said('missing', 'x')]))).code,
        ).toBe('RUN_NOT_FOUND')
        const stop = await store.watch('missing', () => undefined)
        stop()
      })
    })

    // origins: TRK-1
    test("another owner's run is a missing one, whatever is asked of it (I8)", async () => {
      const store = await open()
      await users.run(alice, async () => {
        await store.create(newRun('a'))
        await store.append('a', [started('a')])
      })
      const woken: string[] = []
      for (const stranger of [bob, { ...alice, tenantId: 'acme' }]) {
        await users.run(stranger, async () => {
          expect(await store.get('a')).toBeUndefined()
          expect(await store.read('a', undefined, 10)).toBeUndefined()
          expect(await store.read('a', 99, 10)).toBeUndefined()
          expect(await store.list()).toEqual({ runs: [] })
          expect(await store.list({ before: 'a' })).toEqual({ runs: [] })
          const error = await engineError(() => store.append('a', [completed('a')]))
          const missing = await engineError(() => store.append('b', [completed('b')]))
          expect([error.code, error.message]).toEqual([
            missing.code,
            missing.message.replace('"b"', '"a"'),
          ])
          await store.watch('a', () => woken.push(stranger.userId))
          // As for one that is not there, though it goes on.
          expect(await store.delete('a')).toBe(false)
        })
      }
      await users.run(alice, async () => {
        await store.append('a', [said('a', 'x')])
        expect(await store.get('a')).toMatchObject({ status: 'running', lastSeq: 1 })
      })
      expect(woken).toEqual([])
    })

    test('two owners may use the same run id; neither touches the other (I8)', async () => {
      const store = await open()
      await users.run(alice, async () => {
        await store.create(newRun('same', 'hers'))
        await store.append('same', [started('same')])
      })
      await users.run(bob, async () => {
        await store.create(newRun('same', 'his'))
        await store.append('same', [cancelled('same')])
        expect(await store.get('same')).toMatchObject({ agent: 'his', status: 'cancelled' })
      })
      await users.run(alice, async () => {
        expect(await store.get('same')).toMatchObject({ agent: 'hers', status: 'running' })
        expect((await store.read('same', undefined, 10))?.events).toMatchObject([
          { userId: 'alice' },
        ])
        expect((await store.list()).runs).toHaveLength(1)
      })
    })

    test('a tenant that is absent and one that is empty are the same owner', async () => {
      const store = await open()
      await users.run(alice, () => store.create(newRun('a')))
      await users.run({ ...alice, tenantId: '' }, async () => {
        expect(await store.get('a')).toMatchObject({ runId: 'a' })
      })
    })

    test('owners whose ids run together are still different owners', async () => {
      const store = await open()
      await users.run({ tenantId: '1:a', userId: 'b' }, () => store.create(newRun('a')))
      for (const [tenantId, userId] of [
        ['1', 'a:b'],
        ['1:ab', 'b'],
        ['1:', 'ab'],
      ]) {
        await users.run({ tenantId, userId: userId ?? '' }, async () => {
          expect(await store.get('a')).toBeUndefined()
        })
      }
    })

    test('what has ended is deleted with its events, once; what goes on is not', async () => {
      const store = await open()
      await users.run(alice, async () => {
        for (const runId of ['a', 'b']) {
          await store.create(newRun(runId))
          await store.append(runId, [started(runId), said(runId, 'x')])
        }
        expect((await engineError(() => store.delete('a'))).code).toBe('RUN_GOES_ON')
        expect(await store.get('a')).toMatchObject({ status: 'running', lastSeq: 1 })
        await store.append('a', [completed('a')])
        let woken = 0
        await store.watch('a', () => {
          woken += 1
        })
        expect(await store.delete('a')).toBe(true)
        // Whoever follows is to look, and finds it gone.
        await until(() => woken > 0)
        expect(woken).toBe(1)
        expect(await store.get('a')).toBeUndefined()
        expect(await store.read('a', undefined, 10)).toBeUndefined()
        expect((await store.list()).runs.map(({ runId }) => runId)).toEqual(['b'])
        expect((await engineError(() => store.append('a', [said('a', 'y')]))).code).toBe(
          'RUN_NOT_FOUND',
        )
        expect(await store.delete('a')).toBe(false)
        expect(await store.delete('never was')).toBe(false)
        expect((await store.read('b', undefined, 10))?.events).toHaveLength(2)
      })
    })

    test('of two owners with the same run id one deletes their own (I8)', async () => {
      const store = await open()
      for (const owner of [alice, bob, { ...alice, tenantId: 'acme' }]) {
        await users.run(owner, async () => {
          await store.create(newRun('a'))
          await store.append('a', [started('a'), completed('a', owner.userId)])
        })
      }
      await users.run(alice, async () => expect(await store.delete('a')).toBe(true))
      for (const owner of [bob, { ...alice, tenantId: 'acme' }]) {
        await users.run(owner, async () => {
          expect(await store.get('a')).toMatchObject({ result: owner.userId })
          expect((await store.read('a', undefined, 10))?.events).toHaveLength(2)
        })
      }
    })

    test('runs are listed newest first, a page at a time', async () => {
      const store = await open()
      await users.run(alice, async () => {
        for (let run = 0; run < 25; run += 1) await store.create(newRun(`run-${run}`))
        const seen: string[] = []
        let before: string | undefined
        do {
          const page = await store.list({ limit: 7, ...(before === undefined ? {} : { before }) })
          expect(page.runs.length).toBeLessThanOrEqual(7)
          seen.push(...page.runs.map(({ runId }) => runId))
          before = page.next
        } while (before !== undefined)
        expect(seen).toEqual(Array.from({ length: 25 }, (_, run) => `run-${24 - run}`))
        expect((await store.list()).runs).toHaveLength(20)
        expect((await store.list({ limit: 1_000 })).runs).toHaveLength(25)
        expect(await store.list({ before: 'run-0' })).toEqual({ runs: [] })
        expect(await store.list({ before: 'missing' })).toEqual({ runs: [] })
      })
    })

    test('runs of a thread are listed by themselves, page by page, and only the own ones', async () => {
      const store = await open()
      for (const owner of [alice, bob]) {
        await users.run(owner, async () => {
          for (let run = 0; run < 9; run += 1) {
            const threadId = ['a', 'b', undefined][run % 3]
            const thread = threadId === undefined ? {} : { threadId }
            await store.create({ ...newRun(`${owner.userId}-${run}`), ...thread })
          }
        })
      }
      await users.run(alice, async () => {
        const idsOf = ({ runs }: RunPage): string[] => runs.map(({ runId }) => runId)
        const first = await store.list({ threadId: 'b', limit: 2 })
        expect(idsOf(first)).toEqual(['alice-7', 'alice-4'])
        const rest = await store.list({ threadId: 'b', limit: 2, before: first.next! })
        expect(idsOf(rest)).toEqual(['alice-1'])
        expect(rest.next).toBe(undefined)
        // It goes on after any run, also one of another thread.
        expect(idsOf(await store.list({ threadId: 'a', before: 'alice-4' }))).toEqual([
          'alice-3',
          'alice-0',
        ])
        expect(await store.list({ threadId: 'c' })).toEqual({ runs: [] })
        expect(await store.list({ threadId: 'a', before: 'bob-8' })).toEqual({ runs: [] })
      })
    })

    test.each([0, -1, 1.5, Number.NaN])('a page of %s runs is refused', async (limit) => {
      const store = await open()
      await users.run(alice, async () => {
        expect(await caught(() => store.list({ limit }))).toBeInstanceOf(TypeError)
      })
    })

    test('whoever watches is woken by what is appended, until they stop', async () => {
      const store = await open()
      await users.run(alice, async () => {
        await store.create(newRun('a'))
        let woken = 0
        let wake: () => void = () => undefined
        const next = (): Promise<void> =>
          new Promise((resolve) => {
            wake = resolve
          })
        const waiting = next()
        const stop = await store.watch('a', () => {
          woken += 1
          wake()
        })
        await store.append('a', [started('a')])
        await waiting
        expect(woken).toBe(1)
        stop()
        stop()
        await store.append('a', [completed('a')])
        expect(woken).toBe(1)
      })
    })

    test('what is read cannot be used to change what is kept', async () => {
      const store = await open()
      await users.run(alice, async () => {
        await store.create(newRun('a'))
        await store.append('a', [started('a'), completed('a')])
        const [first] = (await store.read('a', undefined, 10))?.events ?? []
        expect(() => Object.assign(first ?? {}, { seq: 7 })).toThrow(TypeError)
        const record = await store.get('a')
        expect(() => Object.assign(record ?? {}, { status: 'queued' })).toThrow(TypeError)
        const batch = await store.read('a', undefined, 10)
        const events: DurableEvent[] = [...(batch?.events ?? [])]
        expect(events.map(({ seq }) => seq)).toEqual([0, 1])
      })
    })
  })
}
