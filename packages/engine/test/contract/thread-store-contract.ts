import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EngineStore, NewThreadMessage, ThreadTurn } from '../../src/index.ts'
import { contextError, engineError } from '../support/caught.ts'
import { alice, bob, users } from '../support/users.ts'

/** How the store under test is to be limited. */
export interface ThreadLimitsUnderTest {
  readonly messagesPerThread: number
  readonly bytesPerMessage: number
  readonly bytesPerThread: number
  readonly threadsPerOwner: number
  readonly whenFull: 'drop' | 'refuse'
}

const at = new Date(0).toISOString()
const roomy: ThreadLimitsUnderTest = {
  messagesPerThread: 1_000,
  bytesPerMessage: 10_000,
  bytesPerThread: 1_000_000,
  threadsPerOwner: 100,
  whenFull: 'drop',
}

function message(messageId: string, content: string = messageId): NewThreadMessage {
  return { messageId, role: 'user', content }
}

function turn(turnId: string, ...ids: readonly string[]): ThreadTurn {
  return { turnId, at, messages: ids.map((id) => message(id)) }
}

const idsOf = async ({ threads }: EngineStore, threadId: string): Promise<string[]> =>
  ((await threads.read(threadId, { limit: 1_000 }))?.messages ?? []).map(
    ({ messageId }) => messageId,
  )

/** What every store of conversations promises. */
export function threadStoreContract(
  name: string,
  make: (limits: ThreadLimitsUnderTest) => Promise<EngineStore>,
): void {
  describe(`${name} as a thread store`, () => {
    const within = async (
      limits: Partial<ThreadLimitsUnderTest>,
      use: (store: EngineStore) => Promise<void>,
    ): Promise<void> => {
      const store = await make({ ...roomy, ...limits })
      try {
        await users.run(alice, () => use(store))
      } finally {
        await store.close()
      }
    }

    test('a thread begins with its first message, and tells what was said in order', async () => {
      await within({}, async (store) => {
        const { threads } = store
        expect(await threads.get('t')).toBeUndefined()
        expect(await threads.read('t')).toBeUndefined()
        await threads.append('t', turn('one', 'a', 'b'))
        const added = await threads.append('t', turn('two', 'c'))
        expect(added).toMatchObject([{ messageId: 'c', position: 2, turnId: 'two', role: 'user' }])
        expect(await idsOf(store, 't')).toEqual(['a', 'b', 'c'])
        expect(await threads.get('t')).toMatchObject({ messages: 3, dropped: 0, createdAt: at })
      })
    })

    test('pages go from the newest messages back, each in the order in which they were said', async () => {
      await within({}, async ({ threads }) => {
        await threads.append('t', turn('one', 'a', 'b', 'c', 'd', 'e'))
        const newest = await threads.read('t', { limit: 2 })
        expect(newest).toMatchObject({
          messages: [{ messageId: 'd' }, { messageId: 'e' }],
          previous: 3,
        })
        const older = await threads.read('t', { limit: 2, before: newest?.previous })
        expect(older).toMatchObject({
          messages: [{ messageId: 'b' }, { messageId: 'c' }],
          previous: 1,
        })
        const oldest = await threads.read('t', { limit: 2, before: older?.previous })
        expect(oldest?.messages.map(({ messageId }) => messageId)).toEqual(['a'])
        expect(oldest).not.toHaveProperty('previous')
      })
    })

    test('threads are listed by when they were written, the last one first', async () => {
      await within({}, async ({ threads }) => {
        for (const id of ['one', 'two', 'three', 'one']) {
          await threads.append(
            id,
            turn(globalThis.crypto.randomUUID(), globalThis.crypto.randomUUID()),
          )
        }
        const first = await threads.list({ limit: 2 })
        expect(first).toMatchObject({
          threads: [{ threadId: 'one' }, { threadId: 'three' }],
          next: 'three',
        })
        const second = await threads.list({ limit: 2, before: first.next })
        expect(second.threads.map(({ threadId }) => threadId)).toEqual(['two'])
        expect(second).not.toHaveProperty('next')
        expect(await threads.list({ before: 'gone' })).toEqual({ threads: [] })
      })
    })

    test('an id is no key: the same thread id is another thread for another owner', async () => {
      const store = await make(roomy)
      const { threads } = store
      await users.run(alice, () => threads.append('t', turn('one', 'hers')))
      for (const stranger of [bob, { tenantId: 'acme', userId: 'alice' }]) {
        await users.run(stranger, async () => {
          expect(await threads.get('t')).toBeUndefined()
          expect(await threads.read('t')).toBeUndefined()
          expect(await threads.list()).toEqual({ threads: [] })
          expect(await threads.delete('t')).toBe(false)
          await threads.append('t', turn('one', 'mine'))
          expect(await idsOf(store, 't')).toEqual(['mine'])
        })
      }
      await users.run(alice, async () => expect(await idsOf(store, 't')).toEqual(['hers']))
      await store.close()
    })

    test.each(['append', 'get', 'read', 'list', 'delete'] as const)(
      '%s works in a scope only',
      async (method) => {
        const store = await make(roomy)
        const { threads } = store
        const calls = {
          append: () => threads.append('t', turn('one', 'a')),
          get: () => threads.get('t'),
          read: () => threads.read('t'),
          list: () => threads.list(),
          delete: () => threads.delete('t'),
        }
        expect((await contextError(calls[method])).code).toBe('NO_SCOPE')
        await store.close()
      },
    )

    test('what is deleted is gone, once', async () => {
      await within({}, async (store) => {
        await store.threads.append('t', turn('one', 'a'))
        expect(await store.threads.delete('t')).toBe(true)
        expect(await store.threads.delete('t')).toBe(false)
        expect(await store.threads.get('t')).toBeUndefined()
      })
    })

    test('a message id is used once in a thread, and a refused turn leaves nothing', async () => {
      await within({}, async (store) => {
        const { threads } = store
        await threads.append('t', turn('one', 'a'))
        expect((await engineError(() => threads.append('t', turn('two', 'b', 'a')))).code).toBe(
          'DUPLICATE_MESSAGE',
        )
        expect((await engineError(() => threads.append('t', turn('two', 'c', 'c')))).code).toBe(
          'DUPLICATE_MESSAGE',
        )
        expect((await engineError(() => threads.append('u', turn('two', 'c', 'c')))).code).toBe(
          'DUPLICATE_MESSAGE',
        )
        expect(await idsOf(store, 't')).toEqual(['a'])
        expect(await threads.get('u')).toBeUndefined()
      })
    })

    test('a message that is too large is refused, measured in bytes and not in characters', async () => {
      await within({ bytesPerMessage: 1_000 }, async (store) => {
        const wide = { turnId: 'one', at, messages: [message('a', '€'.repeat(400))] }
        expect((await engineError(() => store.threads.append('t', wide))).code).toBe(
          'MESSAGE_TOO_LARGE',
        )
        await store.threads.append('t', {
          turnId: 'one',
          at,
          messages: [message('a', 'e'.repeat(400))],
        })
        expect(await idsOf(store, 't')).toEqual(['a'])
      })
    })

    test('where there is no room the oldest turns go, whole, and the thread says how much', async () => {
      await within({ messagesPerThread: 5 }, async (store) => {
        const { threads } = store
        await threads.append('t', turn('one', 'a', 'b', 'c'))
        await threads.append('t', turn('two', 'd', 'e'))
        await threads.append('t', turn('three', 'f'))
        expect(await idsOf(store, 't')).toEqual(['d', 'e', 'f'])
        expect(await threads.get('t')).toMatchObject({ messages: 3, dropped: 3 })
        await threads.append('t', { ...turn('three', 'g', 'h', 'i'), continues: true })
        expect(await idsOf(store, 't')).toEqual(['f', 'g', 'h', 'i'])
        const more = await engineError(() => threads.append('t', turn('three', 'j', 'k')))
        expect(more.code).toBe('THREAD_FULL')
        expect(await idsOf(store, 't')).toEqual(['f', 'g', 'h', 'i'])
      })
    })

    test('a turn whose beginning is gone cannot be added to', async () => {
      await within({ messagesPerThread: 3 }, async (store) => {
        const { threads } = store
        await threads.append('t', turn('one', 'a', 'b'))
        await threads.append('t', turn('two', 'c', 'd'))
        const late = { ...turn('one', 'e'), continues: true }
        expect((await engineError(() => threads.append('t', late))).code).toBe('TURN_OVER')
        await threads.delete('t')
        const resurrecting = { ...turn('two', 'e'), continues: true }
        expect((await engineError(() => threads.append('t', resurrecting))).code).toBe('TURN_OVER')
        expect(await threads.get('t')).toBeUndefined()
      })
    })

    test('a store that drops nothing refuses instead, a message and a thread', async () => {
      const limits = { messagesPerThread: 2, threadsPerOwner: 2, whenFull: 'refuse' } as const
      await within(limits, async (store) => {
        const { threads } = store
        await threads.append('t', turn('one', 'a', 'b'))
        expect((await engineError(() => threads.append('t', turn('two', 'c')))).code).toBe(
          'THREAD_FULL',
        )
        await threads.append('u', turn('one', 'a'))
        expect((await engineError(() => threads.append('v', turn('one', 'a')))).code).toBe(
          'THREAD_FULL',
        )
        await threads.delete('t')
        await threads.append('v', turn('one', 'a'))
        expect((await threads.list()).threads).toHaveLength(2)
      })
    })

    test('of too many threads the one written least recently goes, and only of the owner who has them', async () => {
      const store = await make({ ...roomy, threadsPerOwner: 2 })
      const { threads } = store
      await users.run(bob, () => threads.append('bobs', turn('one', 'a')))
      await users.run(alice, async () => {
        for (const id of ['one', 'two', 'one', 'three']) {
          await threads.append(
            id,
            turn(globalThis.crypto.randomUUID(), globalThis.crypto.randomUUID()),
          )
        }
        expect((await threads.list()).threads.map(({ threadId }) => threadId)).toEqual([
          'three',
          'one',
        ])
      })
      await users.run(bob, async () => expect(await threads.get('bobs')).toBeDefined())
      await store.close()
    })

    test('a run that has ended can no longer write history, and neither can one that never was', async () => {
      await within({}, async (store) => {
        const { runs, threads } = store
        const runId = 'run'
        await runs.create({ runId, agent: 'agent', requestId: 'r', createdAt: at })
        await threads.append('t', { ...turn(runId, 'a'), runId })
        const stamp = { at, runId, requestId: 'r', userId: 'alice', agent: 'agent' }
        await runs.append(runId, [
          { ...stamp, type: 'agent_cancelled', data: { reason: 'caller', durationMs: 1 } },
        ])
        const late = { ...turn(runId, 'b'), runId, continues: true }
        expect((await engineError(() => threads.append('t', late))).code).toBe('RUN_ENDED')
        const never = { ...turn('other', 'b'), runId: 'other' }
        expect((await engineError(() => threads.append('t', never))).code).toBe('RUN_ENDED')
        expect(await idsOf(store, 't')).toEqual(['a'])
      })
    })

    test('what is kept is a copy that nobody can change', async () => {
      await within({}, async ({ threads }) => {
        const content = [{ type: 'text', text: 'said' }]
        await threads.append('t', {
          turnId: 'one',
          at,
          messages: [{ messageId: 'a', role: 'user', content }],
        })
        Object.assign(content[0] ?? {}, { text: 'changed' })
        const [read] = (await threads.read('t'))!.messages
        expect(read?.content).toEqual([{ type: 'text', text: 'said' }])
        expect(Object.isFrozen(read)).toBe(true)
        expect(Object.isFrozen(read?.content)).toBe(true)
      })
    })

    test('whatever is appended, what is left is whole turns: the newest that fit', async () => {
      const appends = fc.array(
        fc.record({
          owner: fc.constantFrom(alice, bob),
          turn: fc.integer({ min: 0, max: 5 }),
          sizes: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 4 }),
        }),
        { maxLength: 30 },
      )
      await fc.assert(
        fc.asyncProperty(appends, async (sequence) => {
          const limits = { ...roomy, messagesPerThread: 6, bytesPerThread: 1_200 }
          const store = await make(limits)
          /** What each owner said: turns in the order of their beginning, with all of their messages. */
          const said = new Map<string, Map<string, string[]>>([
            ['alice', new Map()],
            ['bob', new Map()],
          ])
          let count = 0
          for (const { owner, turn: number, sizes } of sequence) {
            const turnId = `turn-${number}`
            const turns = said.get(owner.userId)!
            const messages = sizes.map((size) => message(`m-${(count += 1)}`, 'x'.repeat(size)))
            const written = await users
              .run(owner, () => store.threads.append('t', { turnId, at, messages }))
              .then(
                () => true,
                () => false,
              )
            const ids = messages.map(({ messageId }) => messageId)
            if (written) turns.set(turnId, [...(turns.get(turnId) ?? []), ...ids])
            const record = await users.run(owner, () => store.threads.get('t'))
            const kept = await users.run(owner, () => idsOf(store, 't'))
            expect(kept.length).toBeLessThanOrEqual(limits.messagesPerThread)
            expect(record?.bytes ?? 0).toBeLessThanOrEqual(limits.bytesPerThread)
            expect(written ? ids.filter((id) => !kept.includes(id)) : []).toEqual([])
            for (const [known, all] of turns) {
              const left = all.filter((id) => kept.includes(id))
              // A turn is there with all that it ever said, or it is gone.
              expect([0, all.length]).toContain(left.length)
              if (left.length === 0) turns.delete(known)
            }
            const flat = [...turns.values()].flat()
            expect(kept.toSorted()).toEqual(flat.toSorted())
          }
          await store.close()
        }),
        { numRuns: 60 },
      )
    })
  })
}
