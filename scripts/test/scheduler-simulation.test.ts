import fc from 'fast-check'
import { expect, test } from 'vitest'
import { simulate, type Arrival, type Simulation } from '../../bench/scheduler/simulation.mjs'

const some = fc.record({
  processes: fc.integer({ min: 1, max: 5 }),
  slots: fc.integer({ min: 1, max: 8 }),
  ownerConcurrency: fc.integer({ min: 1, max: 4 }),
  partitions: fc.constantFrom<number[]>(1, 1, 2, 3),
  databaseCores: fc.integer({ min: 1, max: 4 }),
  ends: fc.constantFrom<('everybody' | 'rest')[]>('everybody', 'rest'),
  costs: fc.record({
    claimMs: fc.constantFrom(0.1, 1, 20),
    scannedMs: fc.constantFrom(0, 0.01),
    takenMs: fc.constantFrom(0, 0.5),
    notifyMs: fc.constantFrom(0, 1, 30),
    computeMs: fc.constantFrom(0, 2),
  }),
})
const arrival = fc.record({
  at: fc.nat(400),
  owner: fc.constantFrom('a', 'b', 'c', 'd', 'hog', 'hog', 'hog', 'hog'),
  workMs: fc.integer({ min: 1, max: 120 }),
  weight: fc.constantFrom(1, 1, 2, 5),
})
const arrivals = fc
  .array(arrival, { minLength: 1, maxLength: 120 })
  .map((all): readonly Arrival[] =>
    // A tenant is in one partition.
    all.map((one) => ({ ...one, partition: one.owner.charCodeAt(0) })),
  )

/** As many processes as there are queues: one that nobody serves does nothing. */
function simulated(
  options: typeof some extends fc.Arbitrary<infer Some> ? Some : never,
  all: readonly Arrival[],
): Simulation {
  const processes = Math.max(options.processes, options.partitions)
  return simulate({ ...options, processes, arrivals: all, checks: true })
}

function byOwner(runs: Simulation['runs']): Map<string, Simulation['runs'][number][]> {
  const owned = new Map<string, Simulation['runs'][number][]>()
  for (const run of runs) {
    const own = owned.get(run.owner) ?? []
    owned.set(run.owner, own)
    own.push(run)
  }
  return owned
}

test('no owner has more runs going than is allowed', () => {
  const property = fc.property(some, arrivals, (options, all) => {
    const { mostOfOneOwner, runs } = simulated(options, all)
    expect(mostOfOneOwner).toBeLessThanOrEqual(options.ownerConcurrency)
    // The same, from what the runs themselves say.
    for (const own of byOwner(runs).values()) {
      for (const { begunAt } of own) {
        const going = own.filter((run) => run.begunAt <= begunAt && begunAt < run.endedAt)
        expect(going.length).toBeLessThanOrEqual(options.ownerConcurrency)
      }
    }
  })
  fc.assert(property)
})

test('every run begins and ends, whoever floods the queue', () => {
  const property = fc.property(some, arrivals, (options, all) => {
    const { runs, waiting } = simulated(options, all)
    expect(runs).toHaveLength(all.length)
    expect(waiting).toBe(0)
    expect(
      runs.every(({ queuedAt, begunAt, endedAt }) => queuedAt <= begunAt && begunAt <= endedAt),
    ).toBe(true)
  })
  fc.assert(property)
})

test('no slot is free beside a run that may have it, unless somebody is on the way', () => {
  const property = fc.property(some, arrivals, (options, all) => {
    expect(simulated(options, all).idle).toBe(0)
  })
  fc.assert(property)
})

test("an owner's runs have their turns in the order in which they were queued", () => {
  const property = fc.property(some, arrivals, (options, all) => {
    const alone = { ...options, processes: 1, slots: 1, partitions: 1 }
    for (const own of byOwner(simulated(options, all).runs).values()) {
      for (const [index, next] of own.entries()) {
        const waiting = own.slice(0, index).filter(({ begunAt }) => begunAt >= next.queuedAt)
        expect(waiting.every(({ tag }) => tag <= next.tag)).toBe(true)
      }
    }
    // With one slot, what is taken is what begins.
    for (const own of byOwner(simulated(alone, all).runs).values()) {
      const begun = own.map(({ begunAt }) => begunAt)
      expect(begun).toEqual(begun.toSorted((one, other) => one - other))
    }
  })
  fc.assert(property)
})

test('nobody has a second turn while somebody waits for their first', () => {
  const owners = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 8 })
  const property = fc.property(some, owners, (options, backlogs) => {
    const all = backlogs.flatMap((runs, owner) =>
      Array.from({ length: runs }, () => ({ at: 0, owner: `${owner}`, workMs: 20 })),
    )
    // All slots together are fewer than the owners, so that they have to take turns.
    const { runs } = simulate({ ...options, processes: 1, slots: 1, partitions: 1, arrivals: all })
    const firsts = [...byOwner(runs).values()].map((own) =>
      Math.min(...own.map(({ begunAt }) => begunAt)),
    )
    for (const own of byOwner(runs).values()) {
      const [, second = Infinity] = own.map(({ begunAt }) => begunAt)
      expect(second).toBeGreaterThan(Math.max(...firsts))
    }
  })
  fc.assert(property)
})

test('it is the same again for the same input', () => {
  const property = fc.property(some, arrivals, (options, all) => {
    expect(simulated(options, all)).toEqual(simulated(options, all))
  })
  fc.assert(property, { numRuns: 20 })
})

const block = (owner: string, runs: number): Arrival[] =>
  Array.from({ length: runs }, () => ({ at: 0, owner, workMs: 20 }))

test('what the queue must not be shows: claims without a lock, one line for all, ends that wake nobody', () => {
  const all = [...block('hog', 40), ...block('a', 3), ...block('b', 3)]
  const slow = { processes: 4, slots: 4, ownerConcurrency: 2, costs: { claimMs: 5 }, arrivals: all }
  expect(simulate(slow).mostOfOneOwner).toBe(2)
  expect(simulate({ ...slow, claims: 'unlocked' }).mostOfOneOwner).toBeGreaterThan(2)
  const first = (order: 'turns' | 'fifo'): number =>
    Math.min(
      ...simulate({ processes: 1, slots: 1, order, arrivals: all })
        .runs.filter(({ owner }) => owner === 'b')
        .map(({ begunAt }) => begunAt),
    )
  expect(first('fifo')).toBeGreaterThan(10 * first('turns'))
  expect(simulate({ ...slow, ends: 'nobody', checks: true })).toMatchObject({ waiting: 40 + 6 - 6 })
  expect(simulate({ ...slow, ends: 'nobody', checks: true }).idle).toBeGreaterThan(0)
})
