import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { bind, ContextError, defineUserContext, inspect, own, type Scope } from '../src/index.ts'
import { caught } from './support/caught.ts'

// The child processes of the tests run with --expose-gc.
const collect = async (): Promise<void> => {
  for (let round = 0; round < 5; round += 1) {
    await sleep(1)
    globalThis.gc?.()
  }
}

const payloads = defineUserContext('payload', z.object({ payload: z.array(z.string()) }))

/** What the program may keep for ever without keeping a user. */
const kept: unknown[] = []
const keep = (value: unknown): void => void kept.push(value)
const keepOne = (): void => keep(new Error('kept'))
const scopes = 200

const sameUser = (): { userId: string; payload: string[] } => ({
  userId: payloads.current().userId,
  payload: [],
})

/** Opens scopes one after the other and returns how many of their users are still in memory. */
async function retained(body: (scope: Scope) => unknown, budget = 5_000): Promise<number> {
  const references: WeakRef<object>[] = []
  for (let count = 0; count < scopes; count += 1) {
    await payloads
      .run(
        { userId: `user-${count}`, payload: [`of user ${count}`] },
        { closeBudgetMs: budget, cleanupBudgetMs: budget },
        (scope) => {
          const context = payloads.current()
          references.push(new WeakRef(context), new WeakRef(context.payload))
          return body(scope)
        },
      )
      .catch((error: unknown) => kept.push(error))
  }
  await collect()
  expect(references).toHaveLength(2 * scopes)
  return references.filter((reference) => reference.deref() !== undefined).length
}

const never = (): Promise<never> => {
  const promise = new Promise<never>((_, reject) => {
    // Kept alive the way a socket or a timer keeps a promise: by what would settle it.
    kept.push(reject)
  })
  kept.push(promise)
  return promise
}

test('this test can tell: what the program itself keeps is counted', async () => {
  const mine: unknown[] = []
  expect(await retained(() => mine.push(payloads.current()))).toBeGreaterThanOrEqual(2 * scopes)
  mine.length = 0
})

test.each<[string, (scope: Scope) => unknown, number?]>([
  [
    'a pending timer of an hour',
    () => {
      setTimeout(() => payloads.tryCurrent(), 3_600_000).unref()
    },
  ],
  [
    'an await that never ends',
    () => {
      void (async () => {
        await never()
        payloads.current()
      })()
    },
  ],
  ['a settled promise', () => kept.push(Promise.resolve().then(() => 1))],
  ['the scope object', (scope) => kept.push(scope)],
  ['the signal', (scope) => kept.push(scope.signal)],
  ['a bound function', () => kept.push(bind(() => payloads.current()))],
  ['a bound iterator', () => kept.push(bind.iterator([1]))],
  ['an owned value', () => kept.push(own({}, { scope: true }))],
  ['the result of a task', (scope) => kept.push(scope.spawn('done', () => 1))],
  ['a nested run', () => kept.push(payloads.child({}, () => 1))],
  ['detached work that has ended', (s) => s.detach('done', { deadlineMs: 1_000 }, () => 1)],
  ['a cleanup', (scope) => scope.defer(() => payloads.current())],
  [
    'an error',
    async () => {
      kept.push(await caught(() => payloads.run({ userId: 'other', payload: [] }, () => 1)))
      throw new ContextError('NO_SCOPE', 'kept')
    },
  ],
  [
    'a callback that never ends',
    (scope) => {
      scope.abort(new Error('stop'))
      return never()
    },
    0,
  ],
  [
    'a task that never ends',
    (scope) => {
      kept.push(scope.spawn('hangs', never))
      scope.abort(new Error('stop'))
    },
    0,
  ],
  [
    'a child whose callback never ends',
    (scope) => {
      kept.push(payloads.child({ threadId: 't' }, never))
      scope.abort(new Error('stop'))
    },
    0,
  ],
  ['a cleanup that never ends', (scope) => scope.defer(never), 0],
  // An error holds on to the functions of its stack until somebody reads it.
  ['an error of the callback', () => keep(new Error('kept'))],
  ['an error of a task', (scope) => scope.spawn('task', () => keep(new Error('kept')))],
  ['an error of a child', () => payloads.child({}, () => keep(new Error('kept')))],
  ['an error of detached work', (scope) => scope.detach('w', { deadlineMs: 1_000 }, keepOne)],
  ['an error of a cleanup', (scope) => scope.defer(keepOne)],
  ['an error of a bound function', () => bind(keepOne)()],
  ['an error of a synchronous scope', () => payloads.runSync(sameUser(), keepOne)],
  ['an error of an abort listener', (scope) => scope.signal.addEventListener('abort', keepOne)],
  [
    'an error of an abort listener that was aborted',
    (scope) => {
      scope.signal.addEventListener('abort', keepOne)
      scope.abort('stop')
    },
  ],
])('%s keeps no user of a closed scope in memory', async (_what, body, budget) => {
  expect(await retained(body, budget)).toBe(0)
})

const heap = async (): Promise<number> => {
  await collect()
  return process.memoryUsage().heapUsed
}

// origins: S-4 L24
test('a hundred thousand scopes one after the other leave the heap as it was', async () => {
  const many = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) {
      await payloads.run({ userId: `user-${index}`, payload: [] }, async (scope) => {
        await payloads.child({ threadId: 't' }, () => undefined)
        if (index % 10 === 0) await scope.spawn('task', () => 1)
      })
    }
  }
  await many(5_000)
  const before = await heap()
  await many(100_000)
  expect((await heap()) - before).toBeLessThan(3_000_000)
  expect(inspect().openScopes).toBe(0)
}, 60_000)

// origins: L22
test('a hundred thousand children of one long scope leave the heap as it was', async () => {
  await payloads.run({ userId: 'alice', payload: [] }, async (scope) => {
    const many = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index += 1) {
        await payloads.child({ runId: `run-${index}` }, async () => undefined)
        if (index % 10 === 0) void scope.spawn('task', () => 1)
      }
    }
    await many(5_000)
    const before = await heap()
    await many(100_000)
    expect((await heap()) - before).toBeLessThan(3_000_000)
  })
}, 60_000)

test('a hundred thousand children at once neither overflow the stack nor stay', async () => {
  await payloads.run({ userId: 'alice', payload: [] }, async () => {
    const children = Array.from({ length: 100_000 }, () => payloads.child({}, () => 1))
    expect((await Promise.all(children)).length).toBe(100_000)
    expect(inspect().openScopes).toBe(1)
  })
  expect(inspect().openScopes).toBe(0)
}, 60_000)
