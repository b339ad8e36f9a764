import { expect, test } from 'vitest'
import type { Ticket } from '../src/scheduling/place.ts'
import { Scheduler } from '../src/scheduling/scheduler.ts'
import { caught, engineError } from './support/caught.ts'
import { deferred, nextTurn, until } from './support/deferred.ts'

const unheard = (): void => undefined

function schedulerOf(limits: Partial<ConstructorParameters<typeof Scheduler>[0]> = {}): Scheduler {
  return new Scheduler({ ownerConcurrency: 2, concurrency: 3, ownerQueue: 4, queue: 6, ...limits })
}

/** The names of those who have a slot, in the order in which they got it. */
function watch(): {
  readonly order: string[]
  readonly enter: (scheduler: Scheduler, owner: string, name: string) => Ticket
} {
  const order: string[] = []
  return {
    order,
    enter: (scheduler, owner, name) => {
      const ticket = scheduler.enter(owner, unheard)
      ticket.granted.then(
        () => order.push(name),
        () => undefined,
      )
      return ticket
    },
  }
}

// origins: AIF-16 CFG-2 L6
test('both limits hold at once, and what waits is served first in first out', async () => {
  const scheduler = schedulerOf()
  const { order, enter } = watch()
  const tickets = ['a1', 'a2', 'a3', 'a4'].map((name) => enter(scheduler, 'a', name))
  await nextTurn()
  expect(order).toEqual(['a1', 'a2'])
  expect([scheduler.running, scheduler.waiting]).toEqual([2, 2])
  tickets.push(...['b1', 'b2'].map((name) => enter(scheduler, 'b', name)))
  await nextTurn()
  expect(order).toEqual(['a1', 'a2', 'b1'])
  tickets[0]?.release()
  await nextTurn()
  expect(order.slice(3)).toEqual(['a3'])
  tickets[1]?.release()
  await nextTurn()
  expect(order.slice(4)).toEqual(['b2'])
  for (const ticket of tickets) ticket.release()
  await nextTurn()
  expect(order.slice(5)).toEqual(['a4'])
  for (const ticket of tickets) ticket.release()
  expect([scheduler.running, scheduler.waiting, scheduler.owners]).toEqual([0, 0, 0])
})

test('whoever floods waits for their own flood: another owner is next', async () => {
  const scheduler = schedulerOf({ concurrency: 1, ownerQueue: 1_000, queue: 2_000 })
  const { order, enter } = watch()
  const flood = Array.from({ length: 500 }, (_, index) => enter(scheduler, 'a', `a${index}`))
  await nextTurn()
  const late = enter(scheduler, 'b', 'b')
  for (const ticket of flood.slice(0, 3)) {
    ticket.release()
    await nextTurn()
  }
  // One turn of the round at most: theirs.
  expect(order.slice(0, 3)).toContain('b')
  late.release()
})

// origins: UCM-1
test('a full queue refuses at once, by owner and in all', async () => {
  const scheduler = schedulerOf({
    ownerConcurrency: 1,
    concurrency: 2,
    ownerQueue: 2,
    queue: 3,
  })
  for (let run = 0; run < 3; run += 1) scheduler.enter('a', unheard)
  const own = await engineError(() => scheduler.enter('a', unheard))
  expect(own).toMatchObject({ code: 'OWNER_QUEUE_FULL', retryAfterMs: 1_000 })
  expect(own.message).toContain('You have 1 runs going and 2 waiting')
  scheduler.enter('b', unheard)
  scheduler.enter('b', unheard)
  const all = await engineError(() => scheduler.enter('c', unheard))
  expect(all).toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: 1_000 })
  expect([scheduler.running, scheduler.waiting, scheduler.owners]).toEqual([2, 3, 2])
})

test('where nothing may wait, what can have a slot at once gets it', async () => {
  const scheduler = schedulerOf({ ownerConcurrency: 1, concurrency: 2, ownerQueue: 0, queue: 0 })
  const first = scheduler.enter('a', unheard)
  expect((await engineError(() => scheduler.enter('a', unheard))).code).toBe('OWNER_QUEUE_FULL')
  scheduler.enter('b', unheard)
  expect((await engineError(() => scheduler.enter('c', unheard))).code).toBe('OWNER_QUEUE_FULL')
  first.release()
  await scheduler.enter('c', unheard).granted
})

test('whoever gives up while waiting is out of the queue; whoever has a slot keeps it', async () => {
  const scheduler = schedulerOf({ ownerConcurrency: 1 })
  const { order, enter } = watch()
  const [first, second, third] = ['a1', 'a2', 'a3'].map((name) => enter(scheduler, 'a', name))
  const reason = new Error('gone')
  second?.withdraw(reason)
  second?.withdraw(new Error('gone again'))
  expect(await caught(() => second?.granted)).toBe(reason)
  expect(scheduler.waiting).toBe(1)
  first?.withdraw(reason)
  second?.release()
  expect(scheduler.running).toBe(1)
  first?.release()
  first?.release()
  await nextTurn()
  expect(order).toEqual(['a1', 'a3'])
  third?.release()
  expect([scheduler.running, scheduler.waiting, scheduler.owners]).toEqual([0, 0, 0])
})

test('what is charged keeps the slot of its owner, and none of the shared ones', async () => {
  const scheduler = schedulerOf({ ownerConcurrency: 1, concurrency: 1 })
  const { order, enter } = watch()
  const orphan = deferred()
  const failing = deferred()
  const first = enter(scheduler, 'a', 'a1')
  first.charge(orphan.promise)
  first.charge(failing.promise)
  first.release()
  expect(scheduler.running).toBe(0)
  enter(scheduler, 'a', 'a2')
  const other = enter(scheduler, 'b', 'b1')
  await nextTurn()
  expect(order).toEqual(['a1', 'b1'])
  other.release()
  failing.reject(new Error('however it ends'))
  await nextTurn()
  expect(order).toEqual(['a1', 'b1'])
  orphan.resolve()
  await nextTurn()
  expect(order).toEqual(['a1', 'b1', 'a2'])
})

test('whoever waits hears of their place when it changes, and not once they have a slot', async () => {
  const scheduler = schedulerOf({ ownerConcurrency: 1 })
  const heard: string[] = []
  const enter = (name: string): Ticket =>
    scheduler.enter('a', (position) => heard.push(`${name}:${position}`))
  const first = enter('one')
  const second = enter('two')
  enter('three')
  enter('four')
  expect(heard.splice(0)).toEqual(['two:1', 'three:2', 'four:3'])
  second.withdraw(new Error('gone'))
  await until(() => heard.length === 2)
  expect(heard.splice(0)).toEqual(['three:1', 'four:2'])
  first.release()
  await until(() => heard.length === 1)
  expect(heard).toEqual(['four:1'])
})

test("a paused ticket gives its shared slot to others, keeps the owner's, and comes back before who is new", async () => {
  const scheduler = new Scheduler({ concurrency: 1, ownerConcurrency: 1, ownerQueue: 5, queue: 5 })
  const enter = (owner: string): Ticket => scheduler.enter(owner, () => undefined)
  const first = enter('alice')
  await first.granted
  const hers = enter('alice')
  first.pause()
  first.pause()
  expect([scheduler.running, scheduler.paused, scheduler.waiting]).toEqual([0, 1, 1])
  const second = enter('bob')
  await second.granted
  const third = enter('carol')
  const back = first.resume()
  expect(first.resume()).toBe(back)
  expect(scheduler.stuck).toBe(false)
  second.release()
  await back
  expect([scheduler.running, scheduler.paused, scheduler.waiting]).toEqual([1, 0, 2])
  first.release()
  await Promise.race([hers.granted, third.granted])
  hers.withdraw(new Error('over'))
  for (const ticket of [hers, third]) ticket.release()
  expect([scheduler.running, scheduler.paused, scheduler.owners]).toEqual([0, 0, 0])
})

test('a ticket that ends while it is paused, or on its way back, gives back nothing twice', async () => {
  const scheduler = new Scheduler({ concurrency: 1, ownerConcurrency: 2, ownerQueue: 5, queue: 5 })
  const enter = (owner: string): Ticket => scheduler.enter(owner, () => undefined)
  const paused = enter('alice')
  await paused.granted
  paused.pause()
  paused.release()
  expect([scheduler.running, scheduler.paused, scheduler.owners]).toEqual([0, 0, 0])
  const returning = enter('alice')
  await returning.granted
  returning.pause()
  const other = enter('bob')
  await other.granted
  const back = returning.resume()
  returning.withdraw(new Error('cancelled'))
  await expect(back).rejects.toThrow('cancelled')
  returning.release()
  other.release()
  expect([scheduler.running, scheduler.paused, scheduler.owners]).toEqual([0, 0, 0])
})

test('no more may be paused than may wait: the next one keeps its slot', async () => {
  const scheduler = new Scheduler({ concurrency: 3, ownerConcurrency: 3, ownerQueue: 5, queue: 2 })
  const tickets = ['a', 'b', 'c'].map((owner) => scheduler.enter(owner, () => undefined))
  for (const ticket of tickets) {
    await ticket.granted
    ticket.pause()
  }
  expect([scheduler.running, scheduler.paused]).toEqual([1, 2])
  await tickets[2]?.resume()
  for (const ticket of tickets) ticket.release()
  expect([scheduler.running, scheduler.paused, scheduler.owners]).toEqual([0, 0, 0])
})
