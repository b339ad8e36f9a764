import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EngineStore, IdempotencyClaim } from '../../src/index.ts'
import { contextError, engineError } from '../support/caught.ts'
import { alice, bob, users } from '../support/users.ts'

function claimed(runId: string, more: Partial<IdempotencyClaim> = {}): IdempotencyClaim {
  return {
    agent: 'agent',
    key: 'key',
    inputHash: 'hash',
    now: 0,
    leaseUntil: 10,
    expiresAt: 100,
    ...more,
    runId,
  }
}

/** What every store of idempotency keys promises. */
export function idempotencyStoreContract(
  title: string,
  make: (keysPerOwner: number) => Promise<EngineStore>,
): void {
  describe(`${title} as an idempotency store`, () => {
    const within = async (
      use: (store: EngineStore['idempotency']) => Promise<void>,
      keys: number = 100,
    ): Promise<void> => {
      const store = await make(keys)
      try {
        await users.run(alice, () => use(store.idempotency))
      } finally {
        await store.close()
      }
    }

    test('the first claim takes the key; later ones are told whose it is', async () => {
      await within(async (keys) => {
        expect(await keys.claim(claimed('one'))).toMatchObject({ runId: 'one', confirmed: false })
        const second = await keys.claim(claimed('two', { inputHash: 'other' }))
        expect(second).toMatchObject({ runId: 'one', inputHash: 'hash' })
      })
    })

    test('of claims at the same time one takes the key', async () => {
      await within(async (keys) => {
        const records = await Promise.all(
          Array.from({ length: 20 }, (_, index) => keys.claim(claimed(`run-${index}`))),
        )
        expect(new Set(records.map(({ runId }) => runId)).size).toBe(1)
      })
    })

    test('a key belongs to its owner and its agent', async () => {
      const store = await make(100)
      const runs: string[] = []
      for (const owner of [alice, bob, { tenantId: 'acme', userId: 'alice' }]) {
        await users.run(owner, async () => {
          for (const [agent, key] of [
            ['a', 'bc'],
            ['ab', 'c'],
            ['agent', 'key'],
          ] as const) {
            const runId = `${owner.userId} ${agent} ${key} ${runs.length}`
            const record = await store.idempotency.claim(claimed(runId, { agent, key }))
            expect(record.runId).toBe(runId)
            runs.push(runId)
          }
        })
      }
      await users.run(bob, () => store.idempotency.release('agent', 'key', runs[2] ?? ''))
      await users.run(bob, () => store.idempotency.confirm('agent', 'key', runs[2] ?? '', 'stolen'))
      await users.run(alice, async () => {
        expect(await store.idempotency.claim(claimed('again'))).toMatchObject({ runId: runs[2] })
      })
      await store.close()
    })

    test.each(['claim', 'confirm', 'release'] as const)(
      '%s works in a scope only',
      async (method) => {
        const store = await make(100)
        const { idempotency } = store
        const calls = {
          claim: () => idempotency.claim(claimed('one')),
          confirm: () => idempotency.confirm('agent', 'key', 'one', 'one'),
          release: () => idempotency.release('agent', 'key', 'one'),
        }
        expect((await contextError(calls[method])).code).toBe('NO_SCOPE')
        await store.close()
      },
    )

    test('a claim that nobody confirms is void when its lease is over; a confirmed one lasts to its expiry', async () => {
      await within(async (keys) => {
        await keys.claim(claimed('one'))
        expect(await keys.claim(claimed('two', { now: 9 }))).toMatchObject({ runId: 'one' })
        const taken = claimed('two', { now: 10, leaseUntil: 20 })
        expect(await keys.claim(taken)).toMatchObject({ runId: 'two' })
        await keys.confirm('agent', 'key', 'one', 'one')
        expect(await keys.claim(claimed('three', { now: 11 }))).toMatchObject({
          runId: 'two',
          confirmed: false,
        })
        await keys.confirm('agent', 'key', 'two', 'joined')
        expect(await keys.claim(claimed('three', { now: 99 }))).toMatchObject({
          runId: 'joined',
          confirmed: true,
        })
        expect(await keys.claim(claimed('three', { now: 100 }))).toMatchObject({ runId: 'three' })
      })
    })

    test('a key is given back by the run that has it, and by no other', async () => {
      await within(async (keys) => {
        await keys.claim(claimed('one'))
        await keys.release('agent', 'key', 'two')
        expect(await keys.claim(claimed('two'))).toMatchObject({ runId: 'one' })
        await keys.release('agent', 'key', 'one')
        expect(await keys.claim(claimed('two'))).toMatchObject({ runId: 'two' })
      })
    })

    test('a key that has not expired is never forgotten: one too many is refused', async () => {
      await within(async (keys) => {
        await keys.claim(claimed('one', { key: 'a', leaseUntil: 50, expiresAt: 50 }))
        await keys.claim(claimed('two', { key: 'b' }))
        await keys.confirm('agent', 'b', 'two', 'two')
        const full = await engineError(() => keys.claim(claimed('three', { key: 'c', now: 1 })))
        expect(full).toMatchObject({ code: 'IDEMPOTENCY_LIMIT' })
        expect(full.retryAfterMs).toBeGreaterThan(0)
        expect(await keys.claim(claimed('three', { key: 'c', now: 60 }))).toMatchObject({
          runId: 'three',
        })
        expect(await keys.claim(claimed('four', { key: 'b', now: 60 }))).toMatchObject({
          runId: 'two',
        })
      }, 2)
    })

    test('whatever the order, no key ever has two runs at a time', async () => {
      const step = fc.record({
        owner: fc.constantFrom(alice, bob),
        key: fc.constantFrom('a', 'b'),
        action: fc.constantFrom('claim', 'confirm', 'release'),
        wait: fc.integer({ min: 0, max: 30 }),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          const store = await make(100)
          interface Held {
            runId: string
            confirmed: boolean
            leaseUntil: number
            expiresAt: number
          }
          const model = new Map<string, Held>()
          let now = 0
          let count = 0
          for (const { owner, key, action, wait } of steps) {
            now += wait
            const name = `${owner.userId} ${key}`
            const held = model.get(name)
            await users.run(owner, async () => {
              if (action === 'confirm') {
                if (held === undefined) return
                await store.idempotency.confirm('agent', key, held.runId, held.runId)
                held.confirmed = true
                return
              }
              if (action === 'release') {
                if (held === undefined) return
                await store.idempotency.release('agent', key, held.runId)
                model.delete(name)
                return
              }
              const runId = `run-${(count += 1)}`
              const times = { now, leaseUntil: now + 10, expiresAt: now + 50 }
              const record = await store.idempotency.claim(claimed(runId, { key, ...times }))
              const stands =
                held !== undefined &&
                held.expiresAt > now &&
                (held.confirmed || held.leaseUntil > now)
              expect(record.runId).toBe(stands ? held.runId : runId)
              if (!stands) model.set(name, { runId, confirmed: false, ...times })
            })
          }
          await store.close()
        }),
        { numRuns: 100 },
      )
    })
  })
}
