import { expect, test } from 'vitest'
import { MemoryStore } from '../../src/index.ts'
import { crowd, expectIsolated, seed } from '../support/crowd.ts'

const count = 40
const at = new Date(0).toISOString()

// origins: G16 G9
test(`forty users under the same ids in every part of a store find their own (RINGFENCE_TEST_SEED=${seed})`, async () => {
  const store = new MemoryStore()
  const report = await crowd({
    count,
    seed,
    visit: async ({ canary, userId, giveWay, index }) => {
      const event = { at, runId: 'r', requestId: 'q', userId, agent: 'a' }
      await store.runs.create({ runId: 'r', agent: 'a', requestId: 'q', createdAt: at })
      await giveWay()
      await store.runs.append('r', [
        { ...event, type: 'agent_started', data: { queuedMs: 0 } },
        { ...event, type: 'agent_text', data: { delta: canary } },
      ])
      await giveWay()
      const messages = [{ messageId: 'm', role: 'user' as const, content: canary }]
      await store.threads.append('t', { turnId: '1', at, messages })
      await giveWay()
      const claim = {
        agent: 'a',
        key: 'k',
        inputHash: canary,
        now: 0,
        leaseUntil: 1,
        expiresAt: 1_000_000,
      }
      const claimed = await store.idempotency.claim({ ...claim, runId: `r-${index}` })
      await giveWay()
      const account = store.ledger.account()
      await account.charge({ runId: 'r', agent: 'a', at: 0, amounts: { inputTokens: index } })
      await giveWay()
      await store.approvals.create({
        approvalId: 'a',
        runId: 'r',
        callId: 'c',
        agent: 'a',
        tool: 't',
        input: canary,
        argumentsHash: canary,
        requestedAt: at,
        expiresAt: new Date(1_000).toISOString(),
      })
      await giveWay()
      const yes = { outcome: 'approved', at, by: { userId } } as const
      expect(await store.approvals.resolve('a', yes)).toMatchObject({ status: 'approved' })
      await giveWay()
      const { all } = await account.sums('total', 0)
      expect(all.inputTokens).toBe(index)
      expect(claimed).toMatchObject({ inputHash: canary, runId: `r-${index}` })
      const [runs, threads] = [await store.runs.list(), await store.threads.list()]
      expect([runs.runs.length, threads.threads.length]).toEqual([1, 1])
      return [
        await store.runs.read('r', undefined, 10),
        await store.threads.read('t'),
        await store.approvals.list(),
        claimed,
        runs,
      ]
    },
  })
  expectIsolated(report, count)
})

// origins: G16
test('a store without owners in its keys is found out', async () => {
  const rows = new Map<string, string>()
  const report = await crowd({
    count,
    seed,
    visit: async ({ canary, giveWay }) => {
      rows.set('r', canary)
      await new Promise((resolve) => setTimeout(resolve, 1))
      await giveWay()
      return rows.get('r')
    },
  })
  expect(report.foreign.length).toBeGreaterThan(0)
})
