import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Ticket } from '../src/scheduling/place.ts'
import { Scheduler } from '../src/scheduling/scheduler.ts'

const unheard = (): void => undefined
const seed = Number(process.env['RINGFENCE_TEST_SEED'] ?? Math.floor(Math.random() * 1_000_000))

/** Exact in binary, so that turns that should be equal are. */
const weight = fc.constantFrom(0.5, 1, 2, 4, 8)

interface Running {
  readonly owner: number
  readonly ticket: Ticket
}

/** A grant passes through a promise or two. */
async function settled(): Promise<void> {
  for (let tick = 0; tick < 4; tick += 1) await Promise.resolve()
}

/** Owners with a weight each, and who was granted a slot, in order. */
class Bench {
  readonly scheduler: Scheduler
  readonly weights: readonly number[]
  readonly running: Running[] = []
  readonly grants: number[] = []
  /** How often each owner was granted one. */
  readonly served: number[] = []

  constructor(weights: readonly number[], concurrency: number, ownerConcurrency = concurrency) {
    this.weights = weights
    const limits = { concurrency, ownerConcurrency, ownerQueue: 10_000, queue: 100_000 }
    this.scheduler = new Scheduler(limits)
  }

  enter(owner: number, held = false): Ticket {
    const ticket = this.scheduler.enter(`owner-${owner}`, unheard, {
      weight: this.weights[owner] ?? 1,
      held,
    })
    ticket.granted.then(
      () => {
        this.grants.push(owner)
        this.served[owner] = (this.served[owner] ?? 0) + 1
        this.running.push({ owner, ticket })
      },
      () => undefined,
    )
    return ticket
  }

  async release(which = 0): Promise<void> {
    this.running.splice(which % Math.max(1, this.running.length), 1)[0]?.ticket.release()
    await settled()
  }

  async drain(): Promise<void> {
    while (this.running.length > 0) await this.release()
  }
}

function expectIdle({ scheduler }: Bench): void {
  // oxlint-disable-next-line vitest/no-standalone-expect -- called by tests
  expect([scheduler.running, scheduler.waiting, scheduler.owners]).toEqual([0, 0, 0])
}

test(`owners who all wait are served by weight, and nobody is ahead by more than a turn (RINGFENCE_TEST_SEED=${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(weight, { minLength: 2, maxLength: 5 }),
      fc.integer({ min: 1, max: 4 }),
      async (weights, concurrency) => {
        const bench = new Bench(weights, concurrency)
        const blockers = Array.from({ length: concurrency }, () =>
          bench.scheduler.enter('blocker', unheard),
        )
        const rounds = 6
        for (const [owner, each] of weights.entries()) {
          for (let run = 0; run < rounds * each; run += 1) bench.enter(owner)
        }
        for (const blocker of blockers) blocker.release()
        await settled()
        const total = weights.reduce((sum, each) => sum + each, 0)
        while (bench.grants.length < (rounds - 1) * total) {
          // As many turns as the weight says, give or take the one that is on.
          for (const [owner, each] of weights.entries()) {
            for (const [other, others] of weights.entries()) {
              const ahead = (bench.served[owner] ?? 0) / each - (bench.served[other] ?? 0) / others
              expect(ahead).toBeLessThanOrEqual(1 / each + 1 / others)
            }
          }
          await bench.release()
        }
        await bench.drain()
        expectIdle(bench)
      },
    ),
    { numRuns: 30, seed },
  )
})

test(`a flood moves another owner's start by one turn of the round at most (RINGFENCE_TEST_SEED=${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(weight, { minLength: 2, maxLength: 5 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 0, max: 30 }),
      fc.nat(),
      async (weights, concurrency, before, which) => {
        const victim = weights.length
        const own = 1
        const bench = new Bench([...weights, own], concurrency)
        for (const owner of weights.keys()) {
          for (let run = 0; run < 60; run += 1) bench.enter(owner)
        }
        await settled()
        for (let grant = 0; grant < before; grant += 1) await bench.release(which)
        const since = bench.grants.length
        bench.enter(victim)
        await settled()
        while (bench.served[victim] === undefined) await bench.release(which)
        const meanwhile = bench.grants.slice(since, bench.grants.indexOf(victim))
        for (const [owner, each] of weights.entries()) {
          const turns = meanwhile.filter((granted) => granted === owner).length
          expect(turns).toBeLessThanOrEqual(Math.ceil(each / own))
        }
        await bench.drain()
        expectIdle(bench)
      },
    ),
    { numRuns: 40, seed },
  )
})

test(`whoever waits is served however many newcomers there are (RINGFENCE_TEST_SEED=${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(weight, fc.integer({ min: 1, max: 3 }), async (newcomers, concurrency) => {
      const most = 200
      const weights = [0.5, ...Array.from({ length: most }, () => newcomers)]
      const bench = new Bench(weights, concurrency)
      for (let run = 0; run < concurrency; run += 1) bench.enter(1)
      bench.enter(0)
      bench.enter(0)
      await settled()
      // Before each turn somebody new asks, who has never been seen.
      for (let newcomer = 2; newcomer < most; newcomer += 1) {
        bench.enter(newcomer)
        await bench.release()
      }
      expect(bench.grants.filter((owner) => owner === 0)).toHaveLength(2)
      await bench.drain()
      expectIdle(bench)
    }),
    { numRuns: 15, seed },
  )
})

test('turns that an owner could not take are not saved up', async () => {
  const bench = new Bench([1, 1, 1], 2, 1)
  const ofFirst = (): number =>
    Math.max(
      0,
      bench.running.findIndex(({ owner }) => owner === 0),
    )
  for (const owner of [0, 1, 2]) {
    for (let run = 0; run < 50; run += 1) bench.enter(owner)
  }
  await settled()
  // One run of the first owner goes on and on, while the others have thirty turns.
  for (let turn = 0; turn < 30; turn += 1) await bench.release(1 - ofFirst())
  const before = bench.served[0] ?? 0
  for (let turn = 0; turn < 9; turn += 1) await bench.release(ofFirst())
  expect((bench.served[0] ?? 0) - before).toBeLessThanOrEqual(6)
  await bench.drain()
  expectIdle(bench)
})

test('the newest weight of an owner holds for the turn that they wait for, up and down', async () => {
  const weights = [1, 0.01, 100]
  const bench = new Bench(weights, 1)
  bench.enter(0)
  await settled()
  for (let run = 0; run < 30; run += 1) bench.enter(0)
  bench.enter(1)
  bench.enter(2)
  weights[1] = 1
  bench.enter(1)
  weights[2] = 0.01
  bench.enter(2)
  for (let turn = 0; turn < 6; turn += 1) await bench.release()
  expect(bench.grants.slice(1, 6).filter((owner) => owner === 1)).toHaveLength(2)
  await bench.drain()
  // A hundredth of a turn in each of thirty rounds is none.
  expect(bench.grants.slice(-2)).toEqual([2, 2])
  expectIdle(bench)
})

test('what is held waits, keeps its place, and lets those behind it by', async () => {
  const bench = new Bench([1], 1)
  const order: string[] = []
  const enter = (name: string, held: boolean): Ticket => {
    const ticket = bench.enter(0, held)
    void ticket.granted.then(() => order.push(name))
    return ticket
  }
  enter('one', false)
  const two = enter('two', true)
  enter('three', false)
  enter('four', false)
  await settled()
  await bench.release()
  expect(order).toEqual(['one', 'three'])
  expect(bench.scheduler.waiting).toBe(2)
  two.open()
  two.open()
  await bench.release()
  // It came before the fourth.
  expect(order).toEqual(['one', 'three', 'two'])
  await bench.drain()
  expectIdle(bench)
})

test('what is held is given up like anything that waits', async () => {
  const bench = new Bench([1], 1)
  const ticket = bench.enter(0, true)
  expect([bench.scheduler.waiting, bench.scheduler.stuck]).toEqual([1, false])
  ticket.withdraw(new Error('gone'))
  ticket.open()
  await expect(ticket.granted).rejects.toThrow('gone')
  expect([bench.scheduler.running, bench.scheduler.waiting, bench.scheduler.owners]).toEqual([
    0, 0, 0,
  ])
})

test('a grant does not look at owners who are at their limit', async () => {
  const owners = 2_000
  let looked = 0
  const scheduler = new Scheduler({
    // Read whenever an owner is looked at.
    get ownerConcurrency(): number {
      looked += 1
      return 1
    },
    concurrency: owners + 1,
    ownerQueue: 10,
    queue: 100_000,
  })
  for (let owner = 0; owner < owners; owner += 1) {
    scheduler.enter(`owner-${owner}`, unheard)
    scheduler.enter(`owner-${owner}`, unheard)
  }
  looked = 0
  const ticket = scheduler.enter('another', unheard)
  await ticket.granted
  ticket.release()
  expect(scheduler.running).toBe(owners)
  expect(looked).toBeGreaterThan(0)
  expect(looked).toBeLessThan(10)
})
