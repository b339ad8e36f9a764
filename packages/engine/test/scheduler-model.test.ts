import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EngineError } from '../src/index.ts'
import type { Ticket } from '../src/scheduling/place.ts'
import { Scheduler } from '../src/scheduling/scheduler.ts'
import { deferred, type Deferred } from './support/deferred.ts'

type State = 'waiting' | 'running' | 'released' | 'withdrawn'

interface Entry {
  readonly owner: string
  readonly ticket: Ticket
  readonly number: number
  state: State
  readonly charges: Deferred<void>[]
}

const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('enter'), owner: fc.integer({ min: 0, max: 3 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release'), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('withdraw'), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('charge'), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('settle'), which: fc.nat() }) },
)

const limits = fc.record({
  ownerConcurrency: fc.integer({ min: 1, max: 3 }),
  concurrency: fc.integer({ min: 1, max: 4 }),
  ownerQueue: fc.integer({ min: 0, max: 4 }),
  queue: fc.integer({ min: 0, max: 8 }),
})

/** What there is, told apart from the scheduler: by what was asked of it and what it granted. */
class Model {
  readonly entries: Entry[] = []
  /** In the order in which slots were granted. */
  readonly grants: Entry[] = []

  inState(state: State, owner?: string): Entry[] {
    return this.entries.filter(
      (entry) => entry.state === state && (owner === undefined || entry.owner === owner),
    )
  }

  /** Slots that an owner takes: what runs, and what has ended but left something behind. */
  charged(owner: string): number {
    return this.entries.filter(
      (entry) =>
        entry.owner === owner &&
        (entry.state === 'running' || (entry.state === 'released' && entry.charges.length > 0)),
    ).length
  }

  get owners(): string[] {
    return [...new Set(this.entries.map(({ owner }) => owner))]
  }
}

/** A grant passes through a few promises; so does the end of a charge. */
async function settled(): Promise<void> {
  for (let tick = 0; tick < 6; tick += 1) await Promise.resolve()
}

function attempt<Result>(enter: () => Result): Result | EngineError {
  try {
    return enter()
  } catch (error) {
    if (EngineError.is(error)) return error
    throw error
  }
}

test(
  'whatever is asked of it, the scheduler keeps both limits, wastes no slot and starves nobody',
  { timeout: 30_000 },
  async () => {
    let granted = 0
    await fc.assert(
      fc.asyncProperty(
        limits,
        fc.array(action, { minLength: 20, maxLength: 80 }),
        async (given, actions) => {
          const scheduler = new Scheduler(given)
          const model = new Model()

          const enter = (owner: string): void => {
            const waitingBefore = model.inState('waiting').length
            const couldRun =
              model.inState('running').length < given.concurrency &&
              model.charged(owner) < given.ownerConcurrency &&
              model.inState('waiting', owner).length === 0
            const ownerFull = model.inState('waiting', owner).length >= given.ownerQueue
            const full = waitingBefore >= given.queue
            const refusal = ownerFull ? 'OWNER_QUEUE_FULL' : full ? 'QUEUE_FULL' : undefined
            const entered = attempt(() => scheduler.enter(owner, () => undefined))
            // What could run at once is not refused; what cannot wait is.
            expect(EngineError.is(entered) ? entered.code : undefined).toBe(
              couldRun ? undefined : refusal,
            )
            if (EngineError.is(entered)) return
            const ticket = entered
            const entry: Entry = {
              owner,
              ticket,
              number: model.entries.length,
              state: 'waiting',
              charges: [],
            }
            model.entries.push(entry)
            ticket.granted.then(
              () => {
                entry.state = 'running'
                model.grants.push(entry)
                granted += 1
              },
              () => undefined,
            )
          }

          const settle = async (entry: Entry): Promise<void> => {
            for (const charge of entry.charges.splice(0)) charge.resolve()
            await settled()
          }

          for (const step of actions) {
            if ('owner' in step) enter(`owner-${step.owner}`)
            else {
              const pool =
                step.do === 'withdraw' ? model.inState('waiting') : model.inState('running')
              const entry =
                step.do === 'settle'
                  ? model.entries.filter(({ charges }) => charges.length > 0)[0]
                  : pool[step.which % Math.max(pool.length, 1)]
              if (entry === undefined) continue
              if (step.do === 'release') {
                entry.state = 'released'
                entry.ticket.release()
              } else if (step.do === 'withdraw') {
                entry.state = 'withdrawn'
                entry.ticket.withdraw(new Error('gone'))
              } else if (step.do === 'charge') {
                const charge = deferred()
                entry.charges.push(charge)
                entry.ticket.charge(charge.promise)
              } else await settle(entry)
            }
            // Grants are promises: those of this step have arrived after a few of them.
            await settled()

            expect(scheduler.running).toBe(model.inState('running').length)
            expect(scheduler.waiting).toBe(model.inState('waiting').length)
            expect(scheduler.running).toBeLessThanOrEqual(given.concurrency)
            for (const owner of model.owners) {
              expect(model.charged(owner)).toBeLessThanOrEqual(given.ownerConcurrency)
              expect(model.inState('waiting', owner).length).toBeLessThanOrEqual(given.ownerQueue)
              const waitsForAFreeSlot =
                model.inState('waiting', owner).length > 0 &&
                scheduler.running < given.concurrency &&
                model.charged(owner) < given.ownerConcurrency
              expect(waitsForAFreeSlot).toBe(false)
              const order = model.grants.filter((entry) => entry.owner === owner)
              const numbers = order.map(({ number }) => number)
              // First in, first out.
              expect(numbers).toEqual(numbers.toSorted((one, other) => one - other))
            }
          }

          for (let left = 0; left < 200 && scheduler.running + scheduler.waiting > 0; left += 1) {
            for (const entry of model.inState('running')) {
              entry.state = 'released'
              entry.ticket.release()
            }
            for (const entry of model.entries) if (entry.charges.length > 0) await settle(entry)
            await settled()
          }
          for (const entry of model.entries) await settle(entry)
          expect([scheduler.running, scheduler.waiting, scheduler.owners]).toEqual([0, 0, 0])
          expect(model.inState('waiting')).toEqual([])
        },
      ),
      { numRuns: 100 },
    )
    expect(granted).toBeGreaterThan(300)
  },
)

test(
  'between owners who all wait, slots go around: nobody is two ahead',
  { timeout: 30_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 2, maxLength: 5 }),
        fc.integer({ min: 1, max: 3 }),
        async (lengths, concurrency) => {
          const scheduler = new Scheduler({
            ownerConcurrency: concurrency,
            concurrency,
            ownerQueue: 100,
            queue: 1_000,
          })
          const blockers = Array.from({ length: concurrency }, () =>
            scheduler.enter('blocker', () => undefined),
          )
          const running: { owner: number; ticket: Ticket }[] = []
          const served = lengths.map(() => 0)
          for (const [owner, length] of lengths.entries()) {
            for (let run = 0; run < length; run += 1) {
              const ticket = scheduler.enter(`owner-${owner}`, () => undefined)
              void ticket.granted.then(() => {
                served[owner] = (served[owner] ?? 0) + 1
                running.push({ owner, ticket })
              })
            }
          }
          for (const blocker of blockers) blocker.release()
          await settled()
          while (running.length > 0) {
            const waiting = served.filter((count, owner) => count < (lengths[owner] ?? 0))
            expect(Math.max(...served) - Math.min(Infinity, ...waiting)).toBeLessThanOrEqual(1)
            running.shift()?.ticket.release()
            await settled()
          }
          expect(served).toEqual(lengths)
          expect(scheduler.owners).toBe(0)
        },
      ),
      { numRuns: 50 },
    )
  },
)
