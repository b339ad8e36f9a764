import { expect, test } from 'vitest'
import { MemoryLedgerStore } from '../src/store/memory-ledger-store.ts'
import { ledgerStoreContract } from './contract/ledger-store-contract.ts'
import { caught } from './support/caught.ts'
import { alice, users } from './support/users.ts'

ledgerStoreContract(() => new MemoryLedgerStore())

const at = Date.UTC(2026, 0, 1)
const dayMs = 86_400_000
const entry = { runId: 'run', agent: 'echo', at, amounts: { runs: 1 } }

async function chargeAs(store: MemoryLedgerStore, userId: string): Promise<void> {
  await users.run({ userId }, () => store.account().charge(entry))
}

test('the owner who was charged longest ago is forgotten first, and never one who has a step going', async () => {
  const store = new MemoryLedgerStore({ owners: 3 })
  await users.run(alice, async () => {
    const hold = { ...entry, holdId: 'a', expiresAt: Infinity }
    expect(await store.account().hold(hold, [])).toBe(undefined)
  })
  for (const userId of ['b', 'c', 'b', 'd', 'e']) await chargeAs(store, userId)
  expect(store.accounts).toBe(3)
  const runsOf = (userId: string): Promise<number> =>
    users.run({ userId }, async () => (await store.account().sums('total', at)).all.runs)
  expect(await runsOf('b')).toBe(0)
  expect(await runsOf('d')).toBe(1)
  expect(await runsOf('e')).toBe(1)
  await users.run(alice, async () => {
    const limit = { window: 'day', measure: 'runs', most: 9 } as const
    expect(await store.account().standings([limit], at)).toMatchObject([{ held: 1 }])
  })
  // Reading keeps nothing.
  expect(store.accounts).toBe(3)
})

test('of an owner the newest days are kept, and the runs that were charged last', async () => {
  const store = new MemoryLedgerStore({ runsPerOwner: 2 })
  await users.run(alice, async () => {
    const account = store.account()
    for (let day = 0; day < 100; day += 1) {
      await account.charge({ ...entry, at: at + day * dayMs, runId: `run-${day % 3}` })
    }
    expect(await account.windows('day', 1_000)).toHaveLength(62)
    expect((await account.windows('day', 1))[0]?.from).toBe(at + 99 * dayMs)
    expect((await account.sums('total', at)).all.runs).toBe(100)
    expect(await account.run('run-1')).toBe(undefined)
    expect(await account.run('run-2')).toBeDefined()
    expect(await account.run('run-0')).toBeDefined()
  })
})

test('the runs of all owners that are told apart are bounded, and forgetting an owner makes room', async () => {
  const store = new MemoryLedgerStore({ runs: 3 })
  const seen = async (userId: string): Promise<boolean> =>
    users.run({ userId }, async () => (await store.account().run('run')) !== undefined)
  for (const userId of ['a', 'b', 'c', 'a', 'd']) await chargeAs(store, userId)
  expect([await seen('a'), await seen('b'), await seen('c'), await seen('d')]).toEqual([
    true,
    false,
    true,
    true,
  ])
  await users.run({ userId: 'b' }, async () => {
    expect((await store.account().sums('total', at)).all.runs).toBe(1)
  })
})

test.each([{ owners: 0 }, { runs: 0 }, { owners: 1.5 }, { runsPerOwner: Number.NaN }])(
  'a limit that is none is refused: %o',
  async (limits) => {
    expect(await caught(() => new MemoryLedgerStore(limits))).toBeInstanceOf(TypeError)
  },
)
