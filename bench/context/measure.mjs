// One variant of one scenario in a process of its own. Prints one number.
//   node measure.mjs time <scenario> <variant>      nanoseconds of CPU an operation
//   node measure.mjs memory <variant>               bytes of heap an open scope
//   node measure.mjs growth <variant>               bytes of heap a closed scope leaves behind
import { holders, scenarios } from './variants.mjs'

const [what, ...names] = process.argv.slice(2)
const collect = async () => {
  for (let round = 0; round < 4; round += 1) {
    globalThis.gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
}

if (what === 'time') {
  const [scenario, variant] = names
  const { make, count } = scenarios[scenario]
  const repeat = await make(variant)
  await repeat(Math.ceil(count / 5))
  const before = process.cpuUsage()
  await repeat(count)
  const { user, system } = process.cpuUsage(before)
  console.log(((user + system) * 1_000) / count)
} else if (what === 'memory') {
  const count = 10_000
  const hold = await holders[names[0]]()
  await hold(100)()
  const before = await collect()
  const release = hold(count)
  console.log(((await collect()) - before) / count)
  await release()
} else if (what === 'growth') {
  const hold = await holders[names[0]]()
  const churn = async (rounds) => {
    for (let round = 0; round < rounds; round += 1) await hold(1_000)()
  }
  await churn(50)
  const before = await collect()
  await churn(1_000)
  console.log(((await collect()) - before) / 1_000_000)
}
