// Measures every variant in a fresh process, one after the other in each round, so that a slow minute hits all of them.
//   node run.mjs [--rounds 7] [--only H,S] [--add] [--node <binary>]...
// Writes what was measured to results/<version of Node>.json, row by row, and the table to results.md. `--add` adds the
// rounds to those of before, where a row is measured in several goes.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { canPin } from './pinned.mjs'
import { writeReport } from './report.mjs'
import { rows } from './rows.mjs'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: Object.keys(rows).join(',') },
    add: { type: 'boolean', default: false },
    node: { type: 'string', multiple: true, default: [process.execPath] },
  },
})
const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const wanted = values.only.split(/,(?! )/)
mkdirSync(at('results'), { recursive: true })

for (const node of values.node) {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
  const file = at(`results/${version}.json`)
  for (const id of wanted) {
    const { name, variants, measure, rounds: most = Infinity } = rows[id]
    const rounds = Math.min(most, Number(values.rounds))
    const before = values.add ? read(file)[id]?.raw : undefined
    const raw = before ?? Object.fromEntries(variants.map((variant) => [variant, []]))
    for (let round = 0; round < rounds; round += 1) {
      const measured = []
      for (const variant of variants) {
        measured.push(await measure(node, variant))
        console.log(`${version} ${id} ${round} ${variant} ${JSON.stringify(measured.at(-1))}`)
      }
      // Whole rounds only: a ratio is made inside one.
      for (const [index, variant] of variants.entries()) raw[variant].push(measured[index])
      const results = read(file)
      results[id] = {
        at: new Date().toISOString(),
        cpu: cpus()[0]?.model,
        cores: cpus().length,
        pinned: canPin,
        load: loadavg().map((load) => Number(load.toFixed(1))),
        rounds: raw[variants[0]].length,
        raw,
      }
      writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`)
    }
    console.log(`${version} ${id}: ${name}`)
  }
}
writeReport()
process.exit()

function read(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
}
