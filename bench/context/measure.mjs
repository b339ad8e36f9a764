// One variant of one scenario in a process of its own. Prints one number.
//   node --expose-gc measure.mjs <scenario> <variant>
import { setImmediate as turn } from 'node:timers/promises'
import { weighed } from './heap-scenarios.mjs'
import { timed } from './time-scenarios.mjs'

const [id, variant] = process.argv.slice(2)

async function collect() {
  for (let round = 0; round < 4; round += 1) {
    globalThis.gc()
    await turn()
  }
  return process.memoryUsage().heapUsed
}

/** CPU nanoseconds an operation; the least of many, because whatever else the machine does only adds. */
async function time({ make, count }) {
  const repeat = await make(variant)
  // Until it is compiled.
  await repeat(2 * count)
  let least = Infinity
  for (let attempt = 0; attempt < 12; attempt += 1) {
    const before = process.cpuUsage()
    await repeat(count)
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, ((user + system) * 1_000) / count)
  }
  return least
}

const scenario = timed[id]
console.log(
  scenario === undefined ? await weighed[id].measure(variant, collect) : await time(scenario),
)
process.exit()
