import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { bindQueue } from '../src/adapters/index.ts'
import { defineUserContext, perOwner, perScope, type Scope } from '../src/index.ts'

const payloads = defineUserContext('payload', z.object({ payload: z.array(z.string()) }))
const scopes = 100

/** Opens scopes one after the other, and returns how many of their users are still in memory. */
async function retained(body: (scope: Scope) => unknown): Promise<number> {
  const references: WeakRef<object>[] = []
  for (let count = 0; count < scopes; count += 1) {
    await payloads
      .run(
        { userId: `user-${count}`, payload: [`of user ${count}`] },
        { closeBudgetMs: 0, cleanupBudgetMs: 0 },
        (scope) => {
          references.push(new WeakRef(payloads.current().payload))
          return body(scope)
        },
      )
      .catch(() => undefined)
  }
  for (let round = 0; round < 5; round += 1) {
    await sleep(1)
    globalThis.gc?.()
  }
  expect(references).toHaveLength(scopes)
  return references.filter((reference) => reference.deref() !== undefined).length
}

test('a queue that never gets to a job keeps nothing of a user who has left', async () => {
  const stuck: unknown[] = []
  const queue = bindQueue('a job', (job) => {
    stuck.push(job)
    return new Promise<never>((resolve) => stuck.push(resolve))
  })
  const kept = await retained((scope) => {
    const { payload } = payloads.current()
    void queue.add(() => payload.length)
    scope.abort(new Error(payload.join()))
  })
  expect(stuck).toHaveLength(2 * scopes)
  expect(kept).toBeLessThanOrEqual(1)
})

test('a value of a scope goes with it, whatever timer still points at the scope', async () => {
  const stuck: unknown[] = []
  const timers: NodeJS.Timeout[] = []
  const value = perScope(() => ({ of: payloads.current().payload }), { dispose: () => undefined })
  const never = perScope(() => new Promise<object>((resolve) => stuck.push(resolve)))
  const kept = await retained((scope) => {
    stuck.push(scope, value)
    value()
    void never()
    timers.push(setTimeout(() => undefined, 3_600_000))
    scope.abort(new Error('left'))
  })
  for (const timer of timers) clearTimeout(timer)
  expect([stuck.length, timers.length]).toEqual([3 * scopes, scopes])
  expect(kept).toBeLessThanOrEqual(1)
})

test('a making that goes on keeps nothing of one who stopped waiting for it', async () => {
  const makings: ((value: string) => void)[] = []
  const values = perOwner(() => new Promise<string>((resolve) => makings.push(resolve)), {
    max: 1_000,
    maxPerOwner: 1_000,
    ttlMs: Infinity,
    deadlineMs: Infinity,
  })
  const shared = { userId: 'shared', payload: [] }
  const first = payloads.run(shared, () => values.get())
  const references: WeakRef<object>[] = []
  for (let count = 0; count < scopes; count += 1) {
    await payloads
      .run({ ...shared, payload: [`${count}`] }, { closeBudgetMs: 0 }, (scope) => {
        const { payload } = payloads.current()
        references.push(new WeakRef(payload))
        void values.get()
        scope.abort(Object.assign(new Error('left'), { payload }))
      })
      .catch(() => undefined)
  }
  for (let round = 0; round < 5; round += 1) {
    await sleep(1)
    globalThis.gc?.()
  }
  expect(makings).toHaveLength(1)
  expect(references.filter((reference) => reference.deref() !== undefined).length).toBeLessThan(2)
  makings[0]?.('made')
  await expect(first).resolves.toBe('made')
})
