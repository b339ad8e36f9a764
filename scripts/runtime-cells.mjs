// What the runtimes' test reports say, as the cells of two tables.

/**
 * How much of a package ran: by the names of its test files, not by counts, which change with every test.
 * @type {typeof import('./runtime-cells.d.mts').packageCell}
 */
export const packageCell = (files, results) => {
  // A file whose tests were all skipped has not run.
  const ran = files.filter((file) => {
    const result = results.get(file)
    if (result?.status === 'failed') return true
    return result?.assertionResults.some(({ status }) => status === 'passed') === true
  })
  if (ran.length === 0) return '–'
  if (ran.some((file) => results.get(file).status !== 'passed')) return 'fails'
  if (ran.length === files.length) return 'all tests'
  const portable = files.filter((file) => !file.endsWith('.node.test.ts'))
  const all = portable.length > 0 && portable.every((file) => results.has(file))
  return all ? 'portable tests' : 'some tests'
}

const title = /^semantics (?<number>\d+)(?<kind>:|, the platform:|, not on )/u

/**
 * What became of a rule, from the titles of the tests that are named after it.
 * @type {typeof import('./runtime-cells.d.mts').ruleCell}
 */
export const ruleCell = (number, results) => {
  const kinds = new Set()
  for (const { assertionResults } of results.values()) {
    for (const test of assertionResults) {
      const found = title.exec(test.title)?.groups
      if (Number(found?.number) !== number) continue
      if (test.status === 'failed') return 'fails'
      if (test.status === 'passed') kinds.add(found.kind)
    }
  }
  if (kinds.has(', not on ')) return 'exempt'
  return kinds.has(':') ? 'yes' : '–'
}

/** @type {typeof import('./runtime-cells.d.mts').rulesCell} */
export const rulesCell = (cells) => {
  const count = (cell) => cells.filter((each) => each === cell).length
  if (count('fails') > 0) return 'fails'
  const missing = count('–')
  if (missing > 0) return `${cells.length - missing} of ${cells.length}`
  return count('exempt') === 0
    ? `all ${cells.length}`
    : `${count('yes')}, ${count('exempt')} exempt`
}

/** @type {typeof import('./runtime-cells.d.mts').markdownTable} */
export const markdownTable = (head, rows) => {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** @type {typeof import('./runtime-cells.d.mts').between} */
export const between = (text, table) => {
  const [begin, end] = [
    '<!-- runtimes: written by scripts/runtime-table.mjs -->',
    '<!-- /runtimes -->',
  ]
  const start = text.indexOf(begin)
  const stop = text.indexOf(end)
  if (start === -1 || stop < start) throw new Error(`There is no "${begin}" … "${end}"`)
  return `${text.slice(0, start + begin.length)}\n\n${table}\n\n${text.slice(stop)}`
}
