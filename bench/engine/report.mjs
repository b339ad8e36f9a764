// Makes results.md of results/*.json.
//   node engine/report.mjs
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { compare, judge } from '../context/statistics.mjs'
import { scenarios } from './scenarios.mjs'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const rows = Object.entries(scenarios)
const shown = (value) => value.toFixed(Math.abs(value) < 10 ? 2 : 0)

export function writeReport() {
  const versions = readdirSync(at('results'))
    .filter((file) => /^v\d+\.\d+\.\d+\.json$/.test(file))
    .map((file) => ({
      version: file.slice(0, -'.json'.length),
      results: JSON.parse(readFileSync(at(`results/${file}`), 'utf8')),
    }))
  const lines = [
    '# What was measured',
    '',
    'Made by `engine/run.mjs`; do not edit. `×` is a ratio made inside each round: its median, and its quartiles. Times are',
    'CPU time.',
    '',
    ...summary(versions),
    ...versions.flatMap((each) => detail(each)),
  ]
  writeFileSync(at('results.md'), `${lines.join('\n').trimEnd()}\n`)
}

function summary(versions) {
  const lines = [
    `| row | goal | ${versions.map(({ version }) => version).join(' | ')} |`,
    `| --- | --- | ${versions.map(() => '---').join(' | ')} |`,
  ]
  for (const [row, scenario] of rows) {
    for (const goal of scenario.goals) {
      const of = goal.of ?? scenario.variants[0]
      const wanted = scenario.absolute
        ? `<= ${goal.most} ${scenario.unit}`
        : `<= ${goal.most} of ${of}${goal.peers === undefined ? '' : ', and less than every peer'}`
      const cells = versions.map(({ results }) => verdict(results[row], scenario, goal, of))
      lines.push(`| ${row}: ${scenario.name} | ${goal.variant} ${wanted} | ${cells.join(' | ')} |`)
    }
  }
  return [...lines, '']
}

function verdict(result, scenario, goal, of) {
  if (result === undefined) return 'not measured'
  const { raw } = result
  // A variant may have come after the row was measured.
  if (raw[goal.variant] === undefined || raw[of] === undefined) return 'not measured'
  const most = [goal.most, goal.most]
  const { met, beaten } = judge({ ...goal, most }, { ...scenario, raw, node: 24 })
  const { median, ratio, quartiles } = compare(raw, goal.variant, of)
  const reached = scenario.absolute
    ? shown(median)
    : `×${ratio.toFixed(3)} (${quartiles.map((each) => each.toFixed(3)).join('–')})`
  const notLess = beaten.length === 0 ? '' : `, not less than ${beaten.join(', ')}`
  return `${reached} ${met ? 'met' : `**UNMET**${notLess}`}`
}

function detail({ version, results }) {
  const lines = [`## ${version}`, '']
  for (const [row, scenario] of rows) {
    const result = results[row]
    if (result === undefined) continue
    const { raw, rounds, load, cpu, cores } = result
    const [first] = scenario.variants
    lines.push(
      `### ${row}: ${scenario.name}`,
      '',
      `${rounds} rounds; ${cores} × ${cpu}, load ${load[0]}.`,
      '',
      `| variant | ${scenario.unit} | × of ${first} | quartiles |`,
      '| --- | ---: | ---: | --- |',
    )
    for (const variant of [...scenario.variants, ...Object.keys(scenario.less ?? {})]) {
      if (raw[variant] === undefined) continue
      const { median, ratio, quartiles } = compare(raw, variant, first)
      const [low, high] = quartiles.map((each) => each.toFixed(2))
      const alone = scenario.variants.length === 1
      lines.push(
        `| ${variant} | ${shown(median)} | ${alone ? '' : ratio.toFixed(2)} | ${alone ? '' : `${low}–${high}`} |`,
      )
    }
    lines.push('')
  }
  return lines
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeReport()
