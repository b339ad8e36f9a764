import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { bind } from '../../src/index.ts'
import { deferred, nextTurn } from '../support/deferred.ts'
import { users } from '../support/users.ts'

/** The least that a carrier of a current user can do. */
interface Carrier {
  run(userId: string, callback: () => Promise<void>): Promise<void>
  current(): string | undefined
}

/** How one user's request goes: at each step it gives way for so many microtasks, or for a timer, and nests. */
interface Step {
  readonly wait: number | 'timer'
  readonly nested: boolean
}

const step: fc.Arbitrary<Step> = fc.record({
  wait: fc.oneof(fc.nat(4), fc.constant('timer' as const)),
  nested: fc.boolean(),
})
const requests = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), {
  minLength: 2,
  maxLength: 8,
})

async function giveWay({ wait }: Step): Promise<void> {
  if (wait === 'timer') return nextTurn()
  for (let hop = 0; hop < wait; hop += 1) await Promise.resolve()
}

/** Serves all requests at once, the first one ending last. Returns the reads that gave the wrong user. */
async function serve(carrier: Carrier, all: readonly (readonly Step[])[]): Promise<string[]> {
  const wrong: string[] = []
  let reads = 0
  const read = (expected: string | undefined): void => {
    reads += 1
    const seen = carrier.current()
    if (seen !== expected) wrong.push(`${expected} saw ${seen}`)
  }
  const others = deferred()
  const request = (steps: readonly Step[], index: number): Promise<void> => {
    const userId = `user-${index}`
    return carrier.run(userId, async () => {
      for (const one of steps) {
        read(userId)
        await giveWay(one)
        if (!one.nested) continue
        await carrier.run(userId, async () => {
          read(userId)
          await giveWay(one)
          read(userId)
        })
      }
      if (index === 0) await others.promise
      read(userId)
    })
  }
  const [first, ...rest] = all.map(request)
  await Promise.all(rest)
  read(undefined)
  others.resolve()
  await first
  read(undefined)
  expect(reads).toBeGreaterThan(all.length)
  return wrong
}

const neverWrong = (carrier: () => Carrier): fc.IAsyncProperty<[Step[][]]> =>
  fc.asyncProperty(requests, async (all) => {
    expect(await serve(carrier(), all)).toEqual([])
  })

// origins: S-5 G8
test('semantics 30: however the requests of many users interleave, each sees its own user', async () => {
  const ringfence = {
    run: (userId: string, callback: () => Promise<void>) => users.run({ userId }, callback),
    current: () => users.tryCurrent()?.userId,
  }
  const outcome = await fc.check(
    neverWrong(() => ringfence),
    { numRuns: 100 },
  )
  if (outcome.failed) throw new Error(fc.defaultReportMessage(outcome))
  expect(outcome.numRuns).toBe(100)
})

// What the test above would be worth if it let these pass.

function saveAndRestore(): Carrier {
  let current: string | undefined
  return {
    run: async (userId, callback) => {
      const before = current
      current = userId
      try {
        await callback()
      } finally {
        current = before
      }
    },
    current: () => current,
  }
}

function lastUser(): Carrier {
  let current: string | undefined
  return {
    run: async (userId, callback) => {
      current = userId
      await callback()
    },
    current: () => current,
  }
}

test.each([
  ['a global variable that is saved and restored', saveAndRestore],
  ['a global variable that keeps the last user', lastUser],
])('semantics 30: the same test fails %s', async (_what, carrier) => {
  const result = await fc.check(neverWrong(carrier), { numRuns: 100 })
  expect(result.failed).toBe(true)
  expect(String(result.errorInstance)).toContain('user-')
})

test('semantics 30: a hundred users who share one queue of callbacks each get their own through bind', async () => {
  const queue: (() => string)[] = []
  const gate = deferred()
  const runs = Array.from({ length: 100 }, (_, index) =>
    users.run({ userId: `user-${index}` }, async () => {
      queue.push(bind(() => users.current().userId))
      await gate.promise
    }),
  )
  const seen = await users.run({ userId: 'worker' }, () => queue.map((job) => job()))
  expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => `user-${index}`))
  gate.resolve()
  await Promise.all(runs)
})
