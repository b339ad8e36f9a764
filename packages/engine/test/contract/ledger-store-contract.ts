import { expect, test } from 'vitest'
import type { BudgetLimit, LedgerHold, LedgerStore } from '../../src/index.ts'
import { contextError } from '../support/caught.ts'
import { alice, bob, users } from '../support/users.ts'

/** 2026-03-31 23:30 UTC: half an hour before another hour, day and month. */
const at = Date.UTC(2026, 2, 31, 23, 30)
const soon = at + 1_800_000
const entry = { runId: 'run', agent: 'echo', at, amounts: { inputTokens: 5, costMicros: 7 } }
const perDay = (most: number): BudgetLimit => ({ window: 'day', measure: 'inputTokens', most })

function holdOf(holdId: string, inputTokens: number, more: Partial<LedgerHold> = {}): LedgerHold {
  const expiresAt = at + 60_000
  return { ...entry, holdId, expiresAt, amounts: { inputTokens }, ...more }
}

/** What every ledger store does, wherever it keeps its books. `make` makes an empty one. */
export function ledgerStoreContract(make: () => LedgerStore | Promise<LedgerStore>): void {
  const asAlice = <Result>(work: () => Promise<Result>): Promise<Result> => users.run(alice, work)

  test('an entry is in every window, under its agent and its run, and nowhere else', async () => {
    const store = await make()
    await asAlice(async () => {
      const account = store.account()
      await account.charge(entry)
      await account.charge({ ...entry, agent: 'other', runId: 'other', amounts: { toolMs: 3 } })
      for (const period of ['hour', 'day', 'month', 'total'] as const) {
        const sums = await account.sums(period, at)
        expect(sums.all).toMatchObject({ inputTokens: 5, costMicros: 7, toolMs: 3, runs: 0 })
        expect(sums.agents['echo']).toMatchObject({ inputTokens: 5, toolMs: 0 })
        expect(sums.agents['other']).toMatchObject({ inputTokens: 0, toolMs: 3 })
        expect(sums.from).toBeLessThanOrEqual(at)
        expect(sums.until).toBeGreaterThan(at)
      }
      expect((await account.run('run'))?.all).toMatchObject({ inputTokens: 5, toolMs: 0 })
      expect(await account.run('missing')).toBe(undefined)
    })
  })

  test('windows begin anew with the hour, the day and the month, in UTC; the total does not', async () => {
    const store = await make()
    await asAlice(async () => {
      const account = store.account()
      await account.charge(entry)
      await account.charge({ ...entry, at: soon, amounts: { inputTokens: 2 } })
      for (const period of ['hour', 'day', 'month'] as const) {
        expect((await account.sums(period, at)).all.inputTokens).toBe(5)
        expect((await account.sums(period, soon)).all.inputTokens).toBe(2)
        expect((await account.sums(period, at)).until).toBe(soon)
        const newestFirst = await account.windows(period, 5)
        expect(newestFirst.map(({ all }) => all.inputTokens)).toEqual([2, 5])
        expect(await account.windows(period, 1)).toHaveLength(1)
      }
      expect((await account.sums('total', soon)).all.inputTokens).toBe(7)
    })
  })

  test("an account is its owner's: another user and another tenant see nothing of it (I8)", async () => {
    const store = await make()
    await asAlice(() => store.account().charge(entry))
    for (const stranger of [bob, { ...alice, tenantId: 'acme' }]) {
      await users.run(stranger, async () => {
        const account = store.account()
        expect((await account.sums('total', at)).all.inputTokens).toBe(0)
        expect(await account.windows('total', 5)).toEqual([])
        expect(await account.run('run')).toBe(undefined)
        expect(await account.standings([perDay(5)], at)).toMatchObject([{ used: 0, held: 0 }])
        expect(await account.hold(holdOf('a', 5), [perDay(5)])).toBe(undefined)
      })
    }
    await asAlice(async () => {
      expect(await store.account().standings([perDay(5)], at)).toMatchObject([{ held: 0 }])
    })
  })

  test('outside a scope there is no account, but one that was opened outlives its scope', async () => {
    const store = await make()
    expect(await contextError(() => store.account())).toMatchObject({ code: 'NO_SCOPE' })
    const account = await asAlice(async () => store.account())
    await account.charge(entry)
    await asAlice(async () => {
      expect((await store.account().sums('total', at)).all.inputTokens).toBe(5)
    })
  })

  test('what is set aside counts until it is settled, and only for whom it was', async () => {
    const store = await make()
    await asAlice(async () => {
      const account = store.account()
      expect(await account.hold(holdOf('a', 6), [perDay(10)])).toBe(undefined)
      expect(await account.hold(holdOf('b', 5), [perDay(10)])).toMatchObject({
        window: 'day',
        measure: 'inputTokens',
        most: 10,
        used: 0,
        held: 6,
      })
      // A refusal sets nothing aside.
      expect(await account.hold(holdOf('c', 4), [perDay(10)])).toBe(undefined)
      await account.settle('a', { ...entry, amounts: { inputTokens: 1 } })
      expect(await account.standings([perDay(10)], at)).toMatchObject([{ used: 1, held: 4 }])
      await account.settle('a', { ...entry, amounts: { inputTokens: 1 } })
      expect(await account.standings([perDay(10)], at)).toMatchObject([{ used: 2, held: 4 }])
      const forOther: BudgetLimit = { ...perDay(10), agent: 'other' }
      const forRun: BudgetLimit = { ...perDay(10), window: 'run' }
      expect(await account.standings([forOther, forRun], at, 'other')).toMatchObject([
        { used: 0, held: 0 },
        { used: 0, held: 0 },
      ])
      expect(await account.standings([forRun], at, 'run')).toMatchObject([{ used: 2, held: 4 }])
    })
  })

  test('a limit of one agent is no matter for another', async () => {
    const store = await make()
    await asAlice(async () => {
      const account = store.account()
      const limits = [{ ...perDay(1), agent: 'echo' }]
      expect(await account.hold(holdOf('a', 2), limits)).toMatchObject({ agent: 'echo' })
      expect(await account.hold(holdOf('b', 2, { agent: 'other' }), limits)).toBe(undefined)
    })
  })

  test('something must be left for a step that asks for nothing, except of what is counted', async () => {
    const store = await make()
    await asAlice(async () => {
      const account = store.account()
      await account.charge({ ...entry, amounts: { inputTokens: 5, runs: 2, toolCalls: 2 } })
      const counts: BudgetLimit[] = [
        { window: 'day', measure: 'runs', most: 2 },
        { window: 'day', measure: 'toolCalls', most: 2 },
      ]
      expect(await account.hold(holdOf('a', 0), [...counts, perDay(6)])).toBe(undefined)
      expect(await account.hold(holdOf('b', 0), [perDay(5)])).toMatchObject({ used: 5 })
      const call = holdOf('c', 0, { amounts: { toolCalls: 1 } })
      expect(await account.hold(call, counts)).toMatchObject({ measure: 'toolCalls', used: 2 })
    })
  })

  test('what somebody set aside who is gone is forgotten in time', async () => {
    const store = await make()
    await asAlice(async () => {
      const account = store.account()
      await account.hold(holdOf('a', 10), [perDay(10)])
      expect(await account.hold(holdOf('b', 1), [perDay(10)])).toMatchObject({ held: 10 })
      const later = { at: at + 60_000, expiresAt: at + 120_000 }
      expect(await account.standings([perDay(10)], later.at)).toMatchObject([{ held: 0 }])
      expect(await account.hold(holdOf('b', 10, later), [perDay(10)])).toBe(undefined)
    })
  })

  test('two that come at once do not both get what is left for one', async () => {
    const store = await make()
    await asAlice(async () => {
      const account = store.account()
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          account.hold(holdOf(`hold-${index}`, 3), [perDay(10)]),
        ),
      )
      expect(answers.filter((standing) => standing === undefined)).toHaveLength(3)
    })
  })

  test('sums never wrap round: at what a number can count exactly they stay', async () => {
    const store = await make()
    await asAlice(async () => {
      const account = store.account()
      const amounts = { costMicros: Number.MAX_SAFE_INTEGER }
      for (let time = 0; time < 2; time += 1) await account.charge({ ...entry, amounts })
      expect((await account.sums('total', at)).all.costMicros).toBe(Number.MAX_SAFE_INTEGER)
    })
  })
}
