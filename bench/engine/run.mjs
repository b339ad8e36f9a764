// Measures every variant in a fresh process, one after the other in each round, so that a slow minute hits all of them.
//   node engine/run.mjs [--rounds 7] [--only A1,A2] [--node <binary>]...
// Writes what was measured to results/<version of Node>.json, row by row, and the table to results.md.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeReport } from './report.mjs'
import { scenarios } from './scenarios.mjs'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: Object.keys(scenarios).join(',') },
    node: { type: 'string', multiple: true, default: [process.execPath] },
  },
})
const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const wanted = new Set(values.only.split(','))
mkdirSync(at('results'), { recursive: true })

for (const node of values.node) {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
  const file = at(`results/${version}.json`)
  for (const [row, scenario] of Object.entries(scenarios)) {
    if (!wanted.has(row)) continue
    const rounds = Math.min(scenario.rounds ?? Infinity, Number(values.rounds))
    const raw = measure(node, row, scenario, rounds)
    // Read again: rows may be measured by several runs of this.
    const results = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
    results[row] = {
      at: new Date().toISOString(),
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      load: loadavg().map((load) => Number(load.toFixed(1))),
      rounds,
      raw,
    }
    writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`)
    console.log(`${version} ${row} ${scenario.name}`)
  }
}
writeReport()

function measure(node, row, { variants, less = {} }, rounds) {
  const raw = Object.fromEntries(variants.map((variant) => [variant, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const variant of variants) {
      const said = execFileSync(node, ['--expose-gc', at('measure.mjs'), row, variant], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      raw[variant].push(Number(Number(said).toPrecision(5)))
    }
  }
  for (const [variant, [one, other]] of Object.entries(less)) {
    raw[variant] = raw[one].map((value, round) => value - raw[other][round])
  }
  return raw
}
