// One user floods the engine with 200 connections' worth of runs; another one asks now and then. Row F1.
//   node engine/flood.mjs [--rounds 7] [--seconds 4] [--node <binary>]... [--out <file>]
// Every variant in a fresh process, one after the other in each round; ratios are made inside a round.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { workloads } from './flood-variants.mjs'

const options = process.argv.slice(2)
const valuesOf = (name) =>
  options.flatMap((option, at) => (option === name ? [options[at + 1]] : []))
const rounds = Number(valuesOf('--rounds')[0] ?? 7)
const seconds = Number(valuesOf('--seconds')[0] ?? 4)
const nodes = valuesOf('--node').length > 0 ? valuesOf('--node') : [process.execPath]
const measure = fileURLToPath(new URL('flood-measure.mjs', import.meta.url))

const goals = {
  start: { text: "victim's median start of alone <= 5", met: (ratio) => ratio <= 5 },
  p50: { text: "victim's p50 of alone <= 5", met: (ratio) => ratio <= 5 },
  p99: { text: "victim's p99 of alone <= 10", met: (ratio) => ratio <= 10 },
  useful: { text: "flooder's runs of the reference's >= 0.7", met: (ratio) => ratio >= 0.7 },
}

const quantile = (values, at) => {
  const sorted = values.toSorted((one, other) => one - other)
  const place = (sorted.length - 1) * at
  const low = sorted[Math.floor(place)]
  return low + (sorted[Math.ceil(place)] - low) * (place - Math.floor(place))
}
const spread = (values) => ({
  median: quantile(values, 0.5),
  quartiles: [quantile(values, 0.25), quantile(values, 0.75)],
})

const results = []
for (const node of nodes) {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
  for (const [workload, { about, reference, variants }] of Object.entries(workloads)) {
    const raw = Object.fromEntries(Object.keys(variants).map((variant) => [variant, []]))
    for (let round = 0; round < rounds; round += 1) {
      for (const variant of Object.keys(variants)) {
        const text = execFileSync(node, [measure, workload, variant, String(seconds)], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        raw[variant].push(JSON.parse(text))
      }
    }
    const rows = Object.keys(variants).map((variant) => {
      const ratio = (of, against) =>
        spread(raw[variant].map((measured, round) => of(measured) / of(raw[against][round])))
      return {
        variant,
        begin: spread(raw[variant].map(({ begin }) => begin.p50)),
        answer: spread(raw[variant].map(({ answer }) => answer.p50)),
        start: ratio(({ begin: begins }) => begins.p50, 'alone'),
        p50: ratio(({ answer }) => answer.p50, 'alone'),
        p99: ratio(({ answer }) => answer.p99, 'alone'),
        perSecond: spread(raw[variant].map(({ flooded }) => flooded)),
        useful: variant === 'alone' ? undefined : ratio(({ flooded }) => flooded, reference),
        refused: spread(raw[variant].map(({ refused }) => refused)),
      }
    })
    const fair = rows.find(({ variant }) => variant === 'fair')
    const verdicts = Object.entries(goals).map(([name, { text, met }]) => ({
      goal: text,
      ratio: fair[name].median,
      met: met(fair[name].median),
    }))
    results.push({ version, workload, about, reference, rows, verdicts, raw })
    print(results.at(-1))
  }
}

function print({ version, workload, about, reference, rows, verdicts }) {
  console.log(`\nF1 ${workload}: ${about} (${version}, ${rounds} rounds of ${seconds} s)`)
  console.log(
    `  variant        victim begins, p50   answered, p50     of alone: p50 (quartiles)      p99   flooder/s ${`of ${reference}`.padStart(11)}   refused/s`,
  )
  for (const { variant, begin, answer, p50, p99, perSecond, useful, refused } of rows) {
    const [low, high] = p50.quartiles
    console.log(
      [
        `  ${variant.padEnd(13)}`,
        `${begin.median.toFixed(1)} ms`.padStart(18),
        `${answer.median.toFixed(1)} ms`.padStart(15),
        `×${p50.median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`.padStart(29),
        `×${p99.median.toFixed(1)}`.padStart(8),
        perSecond.median.toFixed(0).padStart(11),
        (useful === undefined ? '' : `×${useful.median.toFixed(2)}`).padStart(11),
        refused.median.toFixed(0).padStart(11),
      ].join(' '),
    )
  }
  for (const { goal, ratio, met } of verdicts) {
    console.log(`  ${met ? 'met  ' : 'UNMET'} ${goal}: ${ratio.toFixed(2)}`)
  }
}

const [out] = valuesOf('--out')
if (out !== undefined) {
  writeFileSync(
    out,
    `${JSON.stringify({ at: new Date().toISOString(), command: `node engine/flood.mjs ${options.join(' ')}`, cpu: cpus()[0]?.model, cores: cpus().length, load: loadavg(), rounds, seconds, results }, null, 1)}\n`,
  )
}
