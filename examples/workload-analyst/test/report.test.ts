import { describe, expect, test } from 'vitest'
import { escapeMarkdown, generateSampleLog } from '../src/index.ts'
import { analyzeLog } from './logs.ts'

const hostile = '`x`|<script>alert(1)</script>\n# [a](javascript:b) **c** \\| &lt; ~~d~~'

describe('the report', () => {
  test('shows names of the log as text: no HTML, table bar, code, link, emphasis or line of their own', async () => {
    const rows = Array.from({ length: 30 }, (_, at) =>
      JSON.stringify({
        model: hostile,
        feature: hostile,
        input_tokens: 5,
        output_tokens: at === 7 ? 5000 : 9,
      }),
    )
    const { report, spendByModel } = await analyzeLog(rows.join('\n'))
    expect(report).not.toMatch(/<\w/)
    expect(report).not.toMatch(/(?<!\\)[`[\]~]/)
    expect(report.match(/^#+ .*$/gm)?.filter((line) => line.includes('javascript'))).toEqual([])
    const line = report.split('\n').find((text) => text.includes('script&gt;'))
    expect(line?.match(/(?<!\\)(?:\\\\)*\|/g)).toHaveLength(7)
    // The result itself holds the name as it is, on one line.
    expect(spendByModel?.[0]?.name).toContain('<script>')
    expect(spendByModel?.[0]?.name).not.toContain('\n')
  })

  test('cuts a name of ten thousand characters', async () => {
    const log = `feature,input_tokens,output_tokens\n${'n'.repeat(10_000)},1,2\n`
    const result = await analyzeLog(log)
    expect(result.spendByFeature?.[0]?.name).toBe(`${'n'.repeat(79)}…`)
    expect(result.report).not.toContain('n'.repeat(80))
  })

  test('sums names beyond forty in a last entry', async () => {
    const rows = Array.from({ length: 100 }, (_, at) => `f${at},${at},1\n`)
    const log = `feature,input_tokens,output_tokens\n${rows.join('')}`
    const { spendByFeature } = await analyzeLog(log)
    expect(spendByFeature).toHaveLength(41)
    expect(spendByFeature?.at(-1)).toMatchObject({
      name: '60 others',
      names: 60,
      calls: 60,
      inputTokens: 1770,
    })
  })

  test('tells the totals, the findings with how they were computed, and what to change', async () => {
    const log = generateSampleLog({ seed: 3, calls: 800, profile: 'support-chat' })
    const { report, findings, actions, notes } = await analyzeLog(log)
    expect(findings.length).toBeGreaterThan(2)
    for (const { title, computation } of findings) {
      expect(report).toContain(escapeMarkdown(title))
      expect(report).toContain(escapeMarkdown(computation))
    }
    for (const { title, how } of actions) {
      expect(report).toContain(title)
      expect(report).toContain(how)
    }
    for (const note of notes) expect(report).toContain(escapeMarkdown(note))
  })
})
