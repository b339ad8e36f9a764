// What stays of runs that are over, once the store is as full as it gets.
import { heap } from './meters.mjs'
import { run, server } from './ringfence.mjs'

export const growth = 'ringfence'
/** Bytes: what the measure itself wavers by. */
export const growthKept = 5

const owners = 100
const runs = 100_000

export async function retained() {
  const made = await server()
  const go = async (count) => {
    for (let index = 0; index < count; index += 1) await run(made, `user-${index % owners}`)
  }
  // More than the 10,000 runs that the memory store keeps.
  await go(25_000)
  const before = await heap()
  await go(runs)
  return ((await heap()) - before) / runs
}
