// Makes results.md of results/*.json.
//   node context/report.mjs
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { weighed } from './heap-scenarios.mjs'
import { compare, judge } from './statistics.mjs'
import { timed } from './time-scenarios.mjs'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const scenarios = Object.entries({ ...timed, ...weighed })

export function writeReport() {
  const versions = readdirSync(at('results'))
    .filter((file) => file.endsWith('.json'))
    .map((file) => ({
      version: file.slice(0, -'.json'.length),
      results: JSON.parse(readFileSync(at(`results/${file}`), 'utf8')),
    }))
  const lines = [
    '# What was measured',
    '',
    'Made by `context/run.mjs`; do not edit. `×` is the ratio to the first line, made inside each round: its median, and',
    'its quartiles. Times are CPU time. A goal is met when the median holds it and the upper quartile is not more than 15 %',
    'over it, or, for M1, when it takes at most 10 ns more.',
    '',
    ...summary(versions),
    ...versions.flatMap((each) => detail(each)),
  ]
  writeFileSync(at('results.md'), `${lines.join('\n')}\n`)
}

function judged({ version, results }, [id, scenario]) {
  if (results[id] === undefined) return []
  const node = Number(version.slice(1).split('.')[0])
  const { raw } = results[id]
  return scenario.goals.map((goal) => judge(goal, { ...scenario, raw, node }))
}

function summary(versions) {
  const lines = [
    `| row | goal | ${versions.map(({ version }) => version).join(' | ')} |`,
    `| --- | --- | ${versions.map(() => '---').join(' | ')} |`,
  ]
  for (const entry of scenarios) {
    const [id, { name, goals }] = entry
    for (const [index, goal] of goals.entries()) {
      const cells = versions.map((each) => {
        const verdict = judged(each, entry)[index]
        if (verdict === undefined) return 'not measured'
        const of = goal.of ?? entry[1].variants[0]
        const { median, ratio } = compare(each.results[id].raw, goal.variant, of)
        const reached = entry[1].absolute === true ? `${median.toFixed(2)}` : `×${ratio.toFixed(2)}`
        const beaten =
          verdict.beaten.length === 0 ? '' : `, not less than ${verdict.beaten.join(', ')}`
        return `${reached} ${verdict.met ? 'met' : `**UNMET** (${verdict.wanted}${beaten})`}`
      })
      const [older, newer] = goal.most
      const most = older === newer ? `${older}` : `${older} (24 on: ${newer})`
      lines.push(`| ${id} ${name} | ${goal.variant} <= ${most} | ${cells.join(' | ')} |`)
    }
  }
  return [...lines, '']
}

function detail({ version, results }) {
  const lines = [`## ${version}`, '']
  for (const [id, scenario] of scenarios) {
    const result = results[id]
    if (result === undefined) continue
    const { raw, rounds, load, cpu, cores } = result
    const unit = scenario.unit ?? 'ns'
    lines.push(
      `### ${id} ${scenario.name}`,
      '',
      `${rounds} rounds; ${cores} × ${cpu}, load ${load[0]}.`,
      '',
      `| variant | ${unit} | × | quartiles |`,
      '| --- | ---: | ---: | --- |',
    )
    for (const variant of [...scenario.variants, ...Object.keys(scenario.less ?? {})]) {
      const { median, ratio, quartiles } = compare(raw, variant, scenario.variants[0])
      const [low, high] = quartiles.map((each) => each.toFixed(2))
      const shown = scenario.absolute === true ? ['', ''] : [ratio.toFixed(2), `${low}–${high}`]
      lines.push(`| ${variant} | ${median.toFixed(median < 10 ? 2 : 0)} | ${shown.join(' | ')} |`)
    }
    lines.push('')
  }
  return lines
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeReport()
