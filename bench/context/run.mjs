// Measures every variant in a fresh process, one after the other in each round, so that a slow minute hits all of them.
//   node context/run.mjs [--rounds 7] [--only M1,R1] [--node <binary>]...
// Writes what was measured to results/<version of Node>.json, scenario by scenario, and the table to results.md.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { weighed } from './heap-scenarios.mjs'
import { writeReport } from './report.mjs'
import { timed } from './time-scenarios.mjs'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    node: { type: 'string', multiple: true, default: [process.execPath] },
  },
})
const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const wanted = values.only === '' ? undefined : values.only.split(',')
mkdirSync(at('results'), { recursive: true })

const all = [
  ...Object.entries(timed).map(([id, scenario]) => ({ id, unit: 'ns', ...scenario })),
  ...Object.entries(weighed).map(([id, scenario]) => ({ id, ...scenario })),
].filter(({ id }) => wanted === undefined || wanted.includes(id))

for (const node of values.node) {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
  const file = at(`results/${version}.json`)
  const results = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  for (const scenario of all) {
    const rounds = scenario.rounds ?? Number(values.rounds)
    results[scenario.id] = {
      at: new Date().toISOString(),
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      load: loadavg().map((load) => Number(load.toFixed(1))),
      rounds,
      raw: measure(node, scenario, rounds),
    }
    writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`)
    console.log(`${version} ${scenario.id} ${scenario.name}`)
  }
}
writeReport()

function measure(node, { id, variants, less = {} }, rounds) {
  const raw = Object.fromEntries(variants.map((variant) => [variant, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const variant of variants) {
      const said = execFileSync(node, ['--expose-gc', at('measure.mjs'), id, variant], {
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
