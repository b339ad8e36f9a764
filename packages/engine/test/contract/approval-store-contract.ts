import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ApprovalStatus, EngineStore, NewApproval } from '../../src/index.ts'
import { contextError, engineError } from '../support/caught.ts'
import { alice, bob, users } from '../support/users.ts'

const time = (ms: number): string => new Date(ms).toISOString()

function asked(approvalId: string, runId: string = 'run'): NewApproval {
  return {
    approvalId,
    runId,
    callId: 'call-1',
    agent: 'agent',
    tool: 'tool',
    input: { to: 'somebody' },
    argumentsHash: 'hash',
    requestedAt: time(0),
    expiresAt: time(1_000),
  }
}

const call = { runId: 'run', callId: 'call-1', argumentsHash: 'hash' }

/** What every store of approvals promises. `pending` is how many may be pending of one owner. */
export function approvalStoreContract(
  name: string,
  make: (pendingPerOwner: number) => Promise<EngineStore>,
): void {
  describe(`${name} as an approval store`, () => {
    const within = async (
      use: (store: EngineStore) => Promise<void>,
      pending: number = 100,
    ): Promise<void> => {
      const store = await make(pending)
      try {
        await users.run(alice, async () => {
          await store.runs.create({
            runId: 'run',
            agent: 'agent',
            requestId: 'r',
            createdAt: time(0),
          })
          await use(store)
        })
      } finally {
        await store.close()
      }
    }

    test('an approval is pending, then decided once, then used once', async () => {
      await within(async ({ approvals }) => {
        await approvals.create(asked('a'))
        expect(await approvals.get('a')).toEqual({ ...asked('a'), status: 'pending' })
        expect(await approvals.redeem('a', call, time(1))).toBe(false)
        const yes = { outcome: 'approved', at: time(2), by: alice, reason: 'fine' } as const
        expect(await approvals.resolve('a', yes)).toMatchObject({
          status: 'approved',
          resolvedAt: time(2),
          resolvedBy: alice,
          reason: 'fine',
        })
        const no = { outcome: 'denied', at: time(3), by: bob } as const
        expect(await approvals.resolve('a', no)).toMatchObject({
          status: 'approved',
          resolvedAt: time(2),
        })
        expect(await approvals.redeem('a', call, time(4))).toBe(true)
        expect(await approvals.redeem('a', call, time(4))).toBe(false)
        expect(await approvals.get('a')).toMatchObject({ status: 'used' })
      })
    })

    test.each([
      ['another run', { ...call, runId: 'other' }, 1],
      ['another call', { ...call, callId: 'call-2' }, 1],
      ['other arguments', { ...call, argumentsHash: 'other' }, 1],
      ['a call that comes too late', call, 1_000],
    ])('a yes is not for %s', async (_, other, at) => {
      await within(async ({ approvals }) => {
        await approvals.create(asked('a'))
        await approvals.resolve('a', { outcome: 'approved', at: time(1), by: alice })
        expect(await approvals.redeem('a', other, time(at))).toBe(false)
        expect(await approvals.get('a')).toMatchObject({ status: 'approved' })
      })
    })

    test('a run that has ended can use nothing', async () => {
      await within(async ({ approvals, runs }) => {
        await approvals.create(asked('a'))
        await approvals.resolve('a', { outcome: 'approved', at: time(1), by: alice })
        const stamp = { at: time(1), runId: 'run', requestId: 'r', userId: 'alice', agent: 'agent' }
        await runs.append('run', [
          { ...stamp, type: 'agent_cancelled', data: { reason: 'caller', durationMs: 1 } },
        ])
        expect(await approvals.redeem('a', call, time(2))).toBe(false)
      })
    })

    test('from its expiry on it can be decided no more', async () => {
      await within(async ({ approvals }) => {
        await approvals.create(asked('a'))
        const late = await approvals.resolve('a', {
          outcome: 'approved',
          at: time(1_000),
          by: alice,
        })
        expect(late).toMatchObject({ status: 'expired' })
        expect(late).not.toHaveProperty('resolvedBy')
        await approvals.create(asked('b'))
        const cancelled = await approvals.resolve('b', { outcome: 'cancelled', at: time(2_000) })
        expect(cancelled).toMatchObject({ status: 'cancelled' })
      })
    })

    test('an id is no key: foreign is missing', async () => {
      await within(async ({ approvals }) => {
        await approvals.create(asked('a'))
        await approvals.resolve('a', { outcome: 'approved', at: time(1), by: alice })
        expect(await approvals.list()).toMatchObject({ approvals: [{ approvalId: 'a' }] })
      })
      const store = await make(100)
      const { approvals } = store
      await users.run(alice, () => approvals.create(asked('a')))
      for (const stranger of [bob, { tenantId: 'acme', userId: 'alice' }]) {
        await users.run(stranger, async () => {
          expect(await approvals.get('a')).toBeUndefined()
          expect(await approvals.list()).toEqual({ approvals: [] })
          const yes = { outcome: 'approved', at: time(1), by: bob } as const
          expect(await approvals.resolve('a', yes)).toBeUndefined()
          expect(await approvals.redeem('a', call, time(1))).toBe(false)
          expect(await approvals.deleteOf('run')).toBe(0)
          const stop = await approvals.watch('a', () => expect.unreachable('a stranger was told'))
          stop()
        })
      }
      await users.run(alice, async () => {
        expect(await approvals.get('a')).toMatchObject({ status: 'pending' })
      })
      await store.close()
    })

    test.each(['create', 'get', 'list', 'resolve', 'redeem', 'deleteOf', 'watch'] as const)(
      '%s works in a scope only',
      async (method) => {
        const store = await make(100)
        const { approvals } = store
        const calls = {
          create: () => approvals.create(asked('a')),
          get: () => approvals.get('a'),
          list: () => approvals.list(),
          resolve: () => approvals.resolve('a', { outcome: 'denied', at: time(1) }),
          redeem: () => approvals.redeem('a', call, time(1)),
          deleteOf: () => approvals.deleteOf('run'),
          watch: () => approvals.watch('a', () => undefined),
        }
        expect((await contextError(calls[method])).code).toBe('NO_SCOPE')
        await store.close()
      },
    )

    test('whoever watches is told of the decision, until they stop', async () => {
      await within(async ({ approvals }) => {
        let told = 0
        for (const id of ['a', 'b']) {
          await approvals.create(asked(id))
          const stop = await approvals.watch(id, () => (told += 1))
          if (id === 'b') stop()
          await approvals.resolve(id, { outcome: 'denied', at: time(1), by: alice })
        }
        expect(told).toBe(1)
      })
    })

    test('pages go from the newest back, and can be narrowed', async () => {
      await within(async ({ approvals }) => {
        for (const id of ['a', 'b', 'c', 'd'])
          await approvals.create(asked(id, id === 'd' ? 'run-2' : 'run'))
        await approvals.resolve('b', { outcome: 'denied', at: time(1), by: alice })
        const ids = async (page: Parameters<typeof approvals.list>[0]): Promise<string[]> =>
          (await approvals.list(page)).approvals.map(({ approvalId }) => approvalId)
        const first = await approvals.list({ limit: 2 })
        expect(first.next).toBe('c')
        expect(await ids({ limit: 2 })).toEqual(['d', 'c'])
        expect(await ids({ limit: 2, before: 'c' })).toEqual(['b', 'a'])
        expect(await ids({ status: 'pending' })).toEqual(['d', 'c', 'a'])
        expect(await ids({ runId: 'run-2' })).toEqual(['d'])
        expect(await ids({ before: 'gone' })).toEqual([])
        expect(await approvals.deleteOf('run')).toBe(3)
        expect(await ids({})).toEqual(['d'])
      })
    })

    test('no more can be pending of one owner than is allowed', async () => {
      await within(async ({ approvals }) => {
        await approvals.create(asked('a'))
        await approvals.create(asked('b'))
        const full = await engineError(() => approvals.create(asked('c')))
        expect(full.code).toBe('APPROVAL_LIMIT')
        await approvals.resolve('a', { outcome: 'denied', at: time(1), by: alice })
        await approvals.create(asked('c'))
        expect((await approvals.list({ status: 'pending' })).approvals).toHaveLength(2)
      }, 2)
    })

    test('whatever is tried, an approval is decided once and used at most once, by its own call alone', async () => {
      const attempt = fc.record({
        owner: fc.constantFrom(alice, bob),
        id: fc.constantFrom('a', 'b'),
        at: fc.constantFrom(1, 500, 999, 1_000, 2_000),
        action: fc.oneof(
          fc.constantFrom('approved', 'denied', 'expired', 'cancelled'),
          fc.record({
            runId: fc.constantFrom('run', 'other'),
            callId: fc.constantFrom('call-1', 'call-2'),
            argumentsHash: fc.constantFrom('hash', 'other'),
          }),
        ),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(attempt, { maxLength: 25 }), async (attempts) => {
          const store = await make(100)
          const model = new Map<string, ApprovalStatus>()
          /** What the store said, and what the model says. */
          const seen: [unknown, unknown][] = []
          for (const owner of [alice, bob]) {
            await users.run(owner, async () => {
              await store.runs.create({
                runId: 'run',
                agent: 'agent',
                requestId: 'r',
                createdAt: time(0),
              })
              await store.approvals.create(asked('a'))
              model.set(`${owner.userId} a`, 'pending')
            })
          }
          for (const { owner, id, at, action } of attempts) {
            const key = `${owner.userId} ${id}`
            const before = model.get(key)
            await users.run(owner, async () => {
              if (typeof action === 'string') {
                const late = at >= 1_000 && action !== 'cancelled'
                const after = before === 'pending' ? (late ? 'expired' : action) : before
                const record = await store.approvals.resolve(id, {
                  outcome: action,
                  at: time(at),
                  by: owner,
                })
                seen.push([record?.status, after])
                if (after !== undefined) model.set(key, after)
                return
              }
              const fits =
                action.runId === 'run' &&
                action.callId === 'call-1' &&
                action.argumentsHash === 'hash'
              const used = fits && before === 'approved' && at < 1_000
              seen.push([await store.approvals.redeem(id, action, time(at)), used])
              if (used) model.set(key, 'used')
            })
          }
          expect(seen.map(([said]) => said)).toEqual(seen.map(([, expected]) => expected))
          await store.close()
        }),
        { numRuns: 100 },
      )
    })
  })
}
