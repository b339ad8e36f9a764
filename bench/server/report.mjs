// Makes results.md of results/*.json.
//   node report.mjs
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { quantile } from '../context/statistics.mjs'
import { rows } from './rows.mjs'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const shown = (value) =>
  value.toFixed(Math.abs(value) < 1 ? 3 : Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0)

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
    'Made by `server/run.mjs`; do not edit. `×` is a ratio made inside each round: its median, and its quartiles. A goal is',
    'met when the median holds it and the worse quartile is not more than 15 % beyond it.',
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
  for (const [id, row] of Object.entries(rows)) {
    for (const goal of row.goals) {
      const cells = versions.map(({ version, results }) => verdict(version, results[id], goal))
      const unit = row.columns[goal.column]
      lines.push(
        `| ${goal.row ?? id}: ${row.name} | ${goal.variant}, ${unit} ${wanted(goal)} | ${cells.join(' | ')} |`,
      )
    }
  }
  return [...lines, '']
}

function wanted({ least, most, of }) {
  const [older, newer] = most ?? least
  const limit = older === newer ? `${older}` : `${older} (24 on: ${newer})`
  const sign = most === undefined ? '>=' : '<='
  return of === undefined ? `${sign} ${limit}` : `${sign} ${limit} of ${of}`
}

function verdict(version, result, { column, variant, of, least, most }) {
  if (!(result?.raw[variant]?.every((each) => column in each) ?? false)) return 'not measured'
  const newer = Number(version.slice(1).split('.')[0]) >= 24 ? 1 : 0
  const reached = result.raw[variant].map(
    (measured, round) => measured[column] / (of === undefined ? 1 : result.raw[of][round][column]),
  )
  const [low, median, high] = [0.25, 0.5, 0.75].map((part) => quantile(reached, part))
  const met =
    most === undefined
      ? median >= least[newer] && low >= least[newer] / 1.15
      : median <= most[newer] && high <= Math.max(most[newer] * 1.15, most[newer])
  const sign = of === undefined ? '' : '×'
  return `${sign}${shown(median)} (${shown(low)}–${shown(high)}) ${met ? 'met' : '**UNMET**'}`
}

function detail({ version, results }) {
  const lines = [`## ${version}`, '']
  for (const [id, { name, columns, variants }] of Object.entries(rows)) {
    const result = results[id]
    if (result === undefined) continue
    const { raw, rounds, load, cpu, cores, pinned } = result
    const first = variants[0]
    lines.push(
      `### ${id}: ${name}`,
      '',
      `${rounds} rounds; ${cores} × ${cpu}, load ${load[0]}; ${pinned ? 'server and load on a core each' : 'not pinned'}.`,
      '',
      `| variant | ${Object.values(columns)
        .map((unit) => (variants.length === 1 ? unit : `${unit} | ×`))
        .join(' | ')} |`,
      `| --- |${Object.keys(columns)
        .map(() => (variants.length === 1 ? ' ---: |' : ' ---: | ---: |'))
        .join('')}`,
    )
    for (const variant of variants) {
      const cells = Object.keys(columns).flatMap((column) => {
        const values = raw[variant].map((measured) => measured[column])
        if (values.includes(undefined)) return variants.length === 1 ? ['–'] : ['–', '']
        const ratios = values.map((value, round) => value / raw[first][round][column])
        const median = shown(quantile(values, 0.5))
        if (variants.length === 1) return [median]
        const ratio = quantile(ratios, 0.5)
        return [median, Number.isFinite(ratio) ? ratio.toFixed(2) : '']
      })
      lines.push(`| ${variant} | ${cells.join(' | ')} |`)
    }
    lines.push('')
  }
  return lines
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeReport()
