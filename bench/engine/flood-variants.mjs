// What the flood is measured on. A workload says what a run does, and within which limits the engine is fair.
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'

/** Always the same work, whatever else the machine does meanwhile: about a millisecond of it when it does nothing. */
export function work() {
  let mixed = 1
  for (let step = 0; step < 700_000; step += 1) mixed = (Math.imul(mixed, 48_271) + step) | 0
  return mixed
}

const everything = 1_000_000
const unlimited = {
  ownerConcurrency: everything,
  concurrency: everything,
  ownerQueue: everything,
  queue: everything,
}
const flooded = { connections: 200, victim: 'victim', flooder: 'flooder' }
const alone = { ...flooded, connections: 0 }
// One queue for all: first come, first served, whoever it is.
const together = { connections: 200, victim: 'everybody', flooder: 'everybody' }

export const workloads = {
  processor: {
    about:
      'a run is 8 slices of work, and yields after each; default limits (4 runs of a user, 32 in all)',
    reference: 'unfair',
    async run() {
      for (let slice = 0; slice < 8; slice += 1) {
        work()
        await turn()
      }
    },
    variants: {
      alone: { ...alone, limits: {} },
      fair: { ...flooded, limits: {} },
      // What a server without limits does: all at once.
      unfair: { ...flooded, limits: unlimited },
      queue: { ...together, limits: { ...unlimited, ownerConcurrency: 32, concurrency: 32 } },
    },
  },
  slots: {
    about: 'a run waits 2 × 20 ms for a model and works a little; one user may take all of 8 slots',
    reference: 'queue',
    async run() {
      for (let step = 0; step < 2; step += 1) {
        await wait(20)
        work()
      }
    },
    variants: {
      alone: { ...alone, limits: { ownerConcurrency: 8, concurrency: 8 } },
      fair: { ...flooded, limits: { ...unlimited, ownerConcurrency: 8, concurrency: 8 } },
      queue: { ...together, limits: { ...unlimited, ownerConcurrency: 8, concurrency: 8 } },
    },
  },
}
