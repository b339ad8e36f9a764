// Every variant in a fresh process, one after the other in each round, so that a slow minute hits all of them.
// Ratios are made inside a round; the table shows their medians, with the quartiles.
//   node context/run.mjs [--rounds 7] [--node <binary>]... [--out <file>]
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { scenarios } from './variants.mjs'

const options = process.argv.slice(2)
const valuesOf = (name) =>
  options.flatMap((option, at) => (option === name ? [options[at + 1]] : []))
const rounds = Number(valuesOf('--rounds')[0] ?? 7)
const nodes = valuesOf('--node').length > 0 ? valuesOf('--node') : [process.execPath]
const measure = fileURLToPath(new URL('measure.mjs', import.meta.url))
const held = ['als', 'ringfence', 'hono', 'fastify', 'nestjs-cls', 'opentelemetry', 'unctx']

const run = (node, ...words) =>
  Number(
    execFileSync(node, ['--expose-gc', measure, ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  )

const quantile = (values, at) => {
  const sorted = values.toSorted((one, other) => one - other)
  const place = (sorted.length - 1) * at
  const low = sorted[Math.floor(place)]
  return low + (sorted[Math.ceil(place)] - low) * (place - Math.floor(place))
}

function compare(node, variants, take) {
  const raw = Object.fromEntries(variants.map((variant) => [variant, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const variant of variants) raw[variant].push(take(node, variant))
  }
  const [reference] = variants
  return variants.map((variant) => {
    const ratios = raw[variant].map((value, round) => value / raw[reference][round])
    return {
      variant,
      median: quantile(raw[variant], 0.5),
      ratio: quantile(ratios, 0.5),
      quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
      raw: raw[variant],
    }
  })
}

const results = []
for (const node of nodes) {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
  for (const [name, { id, goal, variants }] of Object.entries(scenarios)) {
    results.push({
      version,
      id,
      name,
      goal,
      unit: 'ns',
      rows: compare(node, variants, (each, variant) => run(each, 'time', name, variant)),
    })
    print(results.at(-1))
  }
  results.push({
    version,
    id: 'R1',
    name: 'heap of an open scope',
    goal: 'ringfence <= 1.8 of als and less than hono',
    unit: 'bytes',
    rows: compare(node, held, (each, variant) => run(each, 'memory', variant)),
  })
  print(results.at(-1))
  results.push({
    version,
    id: 'R3',
    name: 'heap that a closed scope leaves, over a million',
    goal: 'ringfence <= 1 byte',
    unit: 'bytes',
    rows: compare(node, ['als', 'ringfence'], (each, variant) => run(each, 'growth', variant)),
  })
  print(results.at(-1))
}

function print({ version, id, name, goal, unit, rows }) {
  console.log(`\n${id} ${name} (${version}, ${rounds} rounds; goal: ${goal})`)
  for (const { variant, median, ratio, quartiles } of rows) {
    const [low, high] = quartiles
    console.log(
      `  ${variant.padEnd(14)} ${median.toFixed(1).padStart(10)} ${unit.padEnd(5)}  ×${ratio.toFixed(2)}  (${low.toFixed(2)}–${high.toFixed(2)})`,
    )
  }
}

const [out] = valuesOf('--out')
if (out !== undefined) {
  writeFileSync(
    out,
    `${JSON.stringify({ at: new Date().toISOString(), cpu: cpus()[0]?.model, cores: cpus().length, load: loadavg(), rounds, results }, null, 1)}\n`,
  )
}
