// How a run is measured, in a process that does nothing else.
import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'

const spent = () => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Repeats until so many microseconds of CPU are spent. Returns how many a run took. */
async function repeat(once, microseconds) {
  const since = spent()
  let runs = 0
  let batch = 1
  while (spent() - since < microseconds) {
    for (let count = 0; count < batch; count += 1) await once()
    runs += batch
    batch = Math.min(batch * 2, 256)
  }
  return (spent() - since) / runs
}

/** CPU microseconds a run; the least of three, because whatever else the machine does only adds. */
export async function cpu(once) {
  // A run of thousands of small functions is compiled only after seconds: measured too soon, it counts double.
  await repeat(once, 5_000_000)
  let least = Infinity
  for (let attempt = 0; attempt < 3; attempt += 1) {
    least = Math.min(least, await repeat(once, 400_000))
  }
  return least
}

/** Bytes allocated a run: how far the heap grows while nothing is collected. The median of many short stretches. */
export async function allocated(once) {
  await repeat(once, 2_000_000)
  let collections = 0
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length
  })
  observer.observe({ entryTypes: ['gc'] })
  const found = []
  let runs = 64
  for (let stretch = 0; found.length < 9 && stretch < 60; stretch += 1) {
    globalThis.gc()
    await turn()
    await turn()
    collections = 0
    const before = process.memoryUsage().heapUsed
    for (let count = 0; count < runs; count += 1) await once()
    const bytes = (process.memoryUsage().heapUsed - before) / runs
    await turn()
    await turn()
    if (collections === 0) found.push(bytes)
    else runs = Math.max(1, Math.floor(runs / 2))
  }
  observer.disconnect()
  if (found.length === 0) throw new Error('Every stretch was collected in')
  return found.toSorted((one, other) => one - other)[Math.floor(found.length / 2)]
}

/** The heap after everything that can go has gone. */
export async function heap() {
  for (let round = 0; round < 6; round += 1) {
    globalThis.gc()
    await turn()
  }
  return process.memoryUsage().heapUsed
}
