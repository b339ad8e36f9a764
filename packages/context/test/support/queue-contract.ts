import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { currentScope, inspect } from '../../src/index.ts'
import { caught, contextError, thrownBy } from './caught.ts'
import { aborted, deferred, nextTurn } from './deferred.ts'
import { alice, bob, users } from './users.ts'

/** Queues a job, and settles with what the queue says. */
export type Add = <Result>(job: () => Promise<Result>) => Promise<unknown>

export interface BoundUnderTest {
  readonly add: Add
  readonly clear?: () => void
}

/** A library, and what it is said to do on its own. */
export interface QueueUnderTest {
  /** A new queue of the library, as one uses it without Ringfence. */
  readonly plain: (concurrency: number) => Add
  /** The same through the adapter. */
  readonly bound: (concurrency: number) => BoundUnderTest
  /** Whether the plain library runs a waiting job as another user. When it no longer does, this test goes red. */
  readonly swaps: boolean
  /** Whether the adapter has a `clear`. Default: true. */
  readonly clears?: boolean
}

/** How one user's job goes: it gives way for so many microtasks, or for a timer. */
type Delay = number | 'timer'

const delay: fc.Arbitrary<Delay> = fc.oneof(fc.nat(3), fc.constant('timer' as const))
const workload = fc.record({
  concurrency: fc.integer({ min: 1, max: 3 }),
  users: fc.array(fc.array(delay, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 6 }),
})

async function giveWay(wait: Delay): Promise<void> {
  if (wait === 'timer') return nextTurn()
  for (let hop = 0; hop < wait; hop += 1) await Promise.resolve()
}

const current = (): string => users.tryCurrent()?.userId ?? 'nobody'

/** Alice's job waits for Bob's to be queued; her scope ends last. Returns who each job ran as. */
async function runTwo(add: Add): Promise<string[]> {
  const seen: string[] = []
  const bobQueued = deferred()
  const bobDone = deferred()
  const job = (user: string) => async (): Promise<void> => {
    seen.push(`${user} as ${current()}`)
    if (user === 'alice') await bobQueued.promise
    await nextTurn()
    seen.push(`${user} as ${current()}`)
  }
  const first = users.run(alice, async () => {
    await add(job('alice'))
    await bobDone.promise
  })
  await users.run(bob, async () => {
    const queued = add(job('bob'))
    bobQueued.resolve()
    await queued
  })
  bobDone.resolve()
  await first
  return seen
}

/** Serves many users at once, the first scope ending last. Returns the reads that gave a wrong user. */
async function serve(add: Add, jobsOfUsers: readonly (readonly Delay[])[]): Promise<string[]> {
  const wrong: string[] = []
  let reads = 0
  const others = deferred()
  const request = (delays: readonly Delay[], index: number): Promise<void> => {
    const userId = `user-${index}`
    const read = (): void => {
      reads += 1
      if (current() !== userId) wrong.push(`${userId} saw ${current()}`)
    }
    return users.run({ userId }, async () => {
      await Promise.all(
        delays.map((wait) =>
          add(async () => {
            read()
            await giveWay(wait)
            read()
          }),
        ),
      )
      if (index === 0) await others.promise
    })
  }
  const [first, ...rest] = jobsOfUsers.map(request)
  await Promise.all(rest)
  others.resolve()
  await first
  expect(reads).toBe(jobsOfUsers.flat().length * 2)
  return wrong
}

/** What every adapter of a queue promises, shown on the real library; and what the library does without it. */
export function queueContract({ plain, bound, swaps, clears = true }: QueueUnderTest): void {
  const neverWrong = (
    queue: (concurrency: number) => Add,
  ): fc.IAsyncProperty<[{ concurrency: number; users: Delay[][] }]> =>
    fc.asyncProperty(workload, async (load) => {
      expect(await serve(queue(load.concurrency), load.users)).toEqual([])
    })

  test(`without the adapter, Bob’s job runs as ${swaps ? 'Alice' : 'Bob'}`, async () => {
    const wrong = swaps ? 'alice' : 'bob'
    await expect(runTwo(plain(1))).resolves.toEqual([
      'alice as alice',
      'alice as alice',
      `bob as ${wrong}`,
      `bob as ${wrong}`,
    ])
    const { failed } = await fc.check(neverWrong(plain), { numRuns: 30 })
    expect(failed).toBe(swaps)
  })

  test('with it, each job runs as the user who added it', async () => {
    await expect(runTwo(bound(1).add)).resolves.toEqual([
      'alice as alice',
      'alice as alice',
      'bob as bob',
      'bob as bob',
    ])
  })

  test('however many users interleave, no job runs as another one', async () => {
    await fc.assert(
      neverWrong((concurrency) => bound(concurrency).add),
      { numRuns: 30 },
    )
    expect(inspect().openScopes).toBe(0)
  })

  test('the job of a scope that is aborted before its turn does not run, and the queue goes on', async () => {
    const { add } = bound(1)
    const started = deferred()
    const gate = deferred()
    let ran = 0
    const { violations, orphans } = inspect()
    const first = users.run(alice, () =>
      add(async () => {
        started.resolve()
        await gate.promise
        return current()
      }),
    )
    await started.promise
    const left = new Error('left')
    const error = await caught(() =>
      users.run({ userId: 'carol' }, async (scope) => {
        const queued = add(async () => {
          ran += 1
        })
        scope.abort(left)
        await queued
      }),
    )
    expect(error).toBe(left)
    const last = users.run(bob, () => add(async () => current()))
    gate.resolve()
    await expect(Promise.all([first, last])).resolves.toEqual(['alice', 'bob'])
    expect(ran).toBe(0)
    expect(inspect()).toMatchObject({ openScopes: 0, orphans, violations })
  })

  test('the scope waits for a job that nobody awaits', async () => {
    const { add } = bound(1)
    const ended: string[] = []
    await users.run(alice, (scope) => {
      scope.defer(() => ended.push('cleanup'))
      void add(async () => {
        await nextTurn()
        ended.push(current())
      })
    })
    expect(ended).toEqual(['alice', 'cleanup'])
  })

  test('a job’s failure reaches who awaits it, and else fails the scope', async () => {
    const { add } = bound(1)
    const mine = new RangeError('mine')
    const fails = async (): Promise<never> => {
      await nextTurn()
      throw mine
    }
    await users.run(alice, async () => {
      await expect(caught(() => add(fails))).resolves.toBe(mine)
    })
    await expect(caught(() => users.run(alice, () => void add(fails)))).resolves.toBe(mine)
    await expect(users.run(bob, () => add(async () => current()))).resolves.toBe('bob')
  })

  test('a job that has started hears of its own scope’s abort, and of nobody else’s', async () => {
    const { add } = bound(2)
    const started = deferred()
    const other = deferred()
    const bobs = users.run(bob, (scope) =>
      add(async () => {
        await other.promise
        expect(scope.signal.aborted).toBe(false)
        return current()
      }),
    )
    const left = new Error('left')
    const error = await caught(() =>
      users.run(alice, async (scope) => {
        const queued = add(async () => {
          const { signal } = currentScope()
          started.resolve()
          await aborted(signal)
          expect(current()).toBe('alice')
          throw signal.reason
        })
        await started.promise
        scope.abort(left)
        await queued
      }),
    )
    expect(error).toBe(left)
    other.resolve()
    await expect(bobs).resolves.toBe('bob')
  })

  test('outside a scope, in a closing one and in a synchronous one, nothing is queued', async () => {
    const { add } = bound(1)
    let ran = 0
    const job = async (): Promise<void> => {
      ran += 1
    }
    expect(thrownBy(() => add(job))).toMatchObject({ code: 'NO_SCOPE' })
    users.runSync(alice, () => {
      expect(thrownBy(() => add(job))).toMatchObject({ code: 'SYNC_SCOPE' })
    })
    const error = await contextError(() => users.run(alice, (scope) => scope.defer(() => add(job))))
    expect(error.code).toBe('SCOPE_CLOSING')
    await nextTurn()
    expect(ran).toBe(0)
  })

  if (!clears) return
  test('clear takes back what waits, of every user, and the queue goes on', async () => {
    const { add, clear } = bound(1)
    const started = deferred()
    const gate = deferred()
    const first = users.run(alice, () =>
      add(async () => {
        started.resolve()
        await gate.promise
        return current()
      }),
    )
    await started.promise
    let ran = 0
    const error = caught(() =>
      users.run(bob, () =>
        add(async () => {
          ran += 1
        }),
      ),
    )
    clear?.()
    await expect(error).resolves.toMatchObject({ name: 'AbortError' })
    gate.resolve()
    await expect(first).resolves.toBe('alice')
    await expect(users.run(bob, () => add(async () => current()))).resolves.toBe('bob')
    expect(ran).toBe(0)
  })
}
