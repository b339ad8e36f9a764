import { describe, expect, test } from 'vitest'
import type { EngineStore } from '../../src/index.ts'
import { runAsSystem, type SystemOperation } from '../../src/system/system-scope.ts'
import { caught } from '../support/caught.ts'
import { fillStore, readBack } from '../support/fill-store.ts'
import { alice, bob, users } from '../support/users.ts'

const operations: readonly SystemOperation[] = ['claim', 'sweep', 'migrate', 'inspect', 'forget']

/** What the operations that cross owners promise, in every store. */
export function systemStoreContract(name: string, make: () => Promise<EngineStore>): void {
  describe(`${name} in the system scope`, () => {
    const calls: Record<SystemOperation, (store: EngineStore) => Promise<unknown>> = {
      claim: ({ system }) => system.claim({ worker: 'w', now: 0, leaseMs: 1, limit: 1 }),
      sweep: ({ system }) => system.sweep(0),
      migrate: ({ system }) => system.migrate(),
      inspect: ({ system }) => system.inspect(),
      forget: ({ system }) => system.forget(alice),
    }

    test.each(operations)('%s works there, and nowhere else', async (operation) => {
      const call = calls[operation]
      const store = await make()
      const refused = { code: 'SYSTEM_ONLY' }
      expect(await caught(() => call(store))).toMatchObject(refused)
      await users.run(alice, async () => {
        expect(await caught(() => call(store))).toMatchObject(refused)
      })
      for (const other of operations) {
        if (other === operation) continue
        expect(await caught(() => runAsSystem(other, () => call(store)))).toMatchObject(refused)
      }
      // A user's scope has no more rights for having been opened there.
      const inside = runAsSystem(operation, () => users.run(alice, () => caught(() => call(store))))
      expect(await inside).toMatchObject(refused)
      await runAsSystem(operation, () => call(store))
      await store.close()
    })

    test('no part can be reached as a user from there', async () => {
      const store = await make()
      await users.run(alice, async () => {
        const refusal = await caught(() => runAsSystem('inspect', () => store.runs.list()))
        expect(refusal).toMatchObject({ code: 'NO_SCOPE' })
      })
      await store.close()
    })

    test('forget removes everything of the owner, says what it was, and touches nobody else', async () => {
      const store = await make()
      for (const user of [alice, bob, { tenantId: 'acme', userId: 'alice' }]) {
        await users.run(user, () => fillStore(store))
      }
      const before = await runAsSystem('inspect', () => store.system.inspect())
      expect(before).toMatchObject({ owners: 3, runs: 3, threads: 3, approvals: 3 })
      const forgotten = await runAsSystem('forget', () => store.system.forget(alice))
      expect(forgotten).toEqual({
        runs: 1,
        events: 2,
        threads: 1,
        messages: 2,
        approvals: 1,
        idempotencyKeys: 1,
        ledgerAccounts: 1,
        jobs: 0,
      })
      expect(await users.run(alice, () => readBack(store))).toEqual([])
      for (const user of [bob, { tenantId: 'acme', userId: 'alice' }]) {
        expect(await users.run(user, () => readBack(store))).toEqual([
          'run',
          'thread',
          'approval',
          'key',
          'ledger',
        ])
      }
      const after = await runAsSystem('inspect', () => store.system.inspect())
      expect(after).toMatchObject({ owners: 2, runs: 2, threads: 2, approvals: 2 })
      const again = await runAsSystem('forget', () => store.system.forget(alice))
      expect(Object.values(again).every((count) => count === 0)).toBe(true)
      await store.close()
    })

    test('sweep removes what has expired, and nothing else', async () => {
      const store = await make()
      await users.run(alice, () => fillStore(store))
      const none = await runAsSystem('sweep', () => store.system.sweep(0))
      expect(none).toEqual({ idempotencyKeys: 0, approvals: 0 })
      const all = await runAsSystem('sweep', () => store.system.sweep(1_000_000))
      expect(all).toEqual({ idempotencyKeys: 1, approvals: 1 })
      await users.run(alice, async () => {
        expect(await store.approvals.get('approval')).toMatchObject({ status: 'expired' })
      })
      await store.close()
    })
  })
}
