import { describe, expect, test } from 'vitest'
import { type Finding, type FindingId, readPrices } from '../src/index.ts'
import { analyze, createAnalysis, findingIds } from '../src/index.ts'

const prices = readPrices({
  currency: 'USD',
  asOf: '2025-01-01',
  models: {
    big: { inputPerMillion: 10, cachedInputPerMillion: 1, outputPerMillion: 40, cheaper: 'small' },
    small: { inputPerMillion: 1, outputPerMillion: 4 },
  },
})

const findIn = async (log: string, id: FindingId): Promise<Finding | undefined> => {
  const result = await analyze({ log }, createAnalysis({ prices }))
  return result.findings.find((finding) => finding.id === id)
}

const csv = (header: string, ...rows: string[]): string => `${[header, ...rows].join('\n')}\n`

describe('repeated requests', () => {
  const header = 'time,model,prompt_hash,input_tokens,output_tokens,status,cost'
  const first = '2025-01-01 10:00:00,big,p,1000,500,ok,'

  test('save exactly what each repeat within the hour cost', async () => {
    const log = csv(
      header,
      first,
      '2025-01-01 10:30:00,big,p,1000,300,ok,',
      '2025-01-01 11:00:00,big,p,1000,500,ok,',
    )
    // (1000 × 10 + 300 × 40 + 1000 × 10 + 500 × 40) / 1e6
    expect(await findIn(log, 'repeated-requests')).toMatchObject({
      savingUsd: 0.052,
      savingTokens: 2800,
      evidence: { calls: 2, lines: [3, 4] },
    })
  })

  test('save what the log says that they cost, where it does', async () => {
    const log = csv(header, first, '2025-01-01 10:30:00,big,p,1000,300,ok,0.0123')
    expect(await findIn(log, 'repeated-requests')).toMatchObject({ savingUsd: 0.0123 })
  })

  test('are in tokens alone where no price is known', async () => {
    const log = csv(header, first, '2025-01-01 10:30:00,big,p,1000,300,ok,').replaceAll(
      'big',
      'own',
    )
    expect(await findIn(log, 'repeated-requests')).toMatchObject({
      savingUsd: null,
      savingTokens: 1300,
      computation: expect.stringContaining('whose price is not known'),
    })
  })

  test.each([
    ['another prompt', '2025-01-01 10:30:00,big,q,1000,500,ok,'],
    ['another model', '2025-01-01 10:30:00,small,p,1000,500,ok,'],
    ['other tokens', '2025-01-01 10:30:00,big,p,1001,500,ok,'],
    ['more than an hour between', '2025-01-01 11:00:00.001,big,p,1000,500,ok,'],
    ['no answer', '2025-01-01 10:30:00,big,p,1000,500,error,'],
  ])('are not reported with %s', async (_claim, row) => {
    expect(await findIn(csv(header, first, row), 'repeated-requests')).toBeUndefined()
  })

  test('are not reported of prompts that the log does not name', async () => {
    const log = csv(header, first, first).replaceAll(',p,', ',,')
    expect(await findIn(log, 'repeated-requests')).toBeUndefined()
  })

  test('without times never save the dearest call', async () => {
    const log = csv(
      'model,prompt_hash,input_tokens,output_tokens,cost',
      'big,p,10,10,0.5',
      'big,p,10,10,2',
      'big,p,10,10,1',
    )
    expect(await findIn(log, 'repeated-requests')).toMatchObject({ savingUsd: 1.5 })
  })
})

describe('small calls on a costly model', () => {
  const header = 'model,input_tokens,cached_tokens,output_tokens,status,cost'

  test('save exactly the difference to the cheaper model', async () => {
    const log = csv(header, 'big,1000,400,100,ok,', 'BIG,200,0,5,ok,')
    // (600 × 10 + 400 × 1 + 100 × 40 − 1000 × 1 − 100 × 4 + 200 × 9 + 5 × 36) / 1e6
    expect(await findIn(log, 'small-calls-on-costly-model')).toMatchObject({
      savingUsd: 0.01098,
      savingTokens: 0,
      evidence: { calls: 2, groups: [{ name: 'big → small', calls: 2, savingUsd: 0.01098 }] },
    })
  })

  test('count from the cost in the log, and not where the cheaper model would cost more', async () => {
    const log = csv(header, 'big,1000,0,0,ok,0.005', 'big,1000,0,0,ok,0.0009')
    expect(await findIn(log, 'small-calls-on-costly-model')).toMatchObject({
      savingUsd: 0.004,
      evidence: { calls: 1 },
    })
  })

  test.each([
    ['a larger input', 'big,1001,0,5,ok,'],
    ['a larger output', 'big,200,0,101,ok,'],
    ['no cheaper model', 'small,200,0,5,ok,'],
    ['a model without a price', 'own,200,0,5,ok,'],
    ['a failure', 'big,200,0,5,error,'],
  ])('are not reported with %s', async (_claim, row) => {
    expect(await findIn(csv(header, row), 'small-calls-on-costly-model')).toBeUndefined()
  })
})

describe('paid failures', () => {
  const header = 'time,feature,model,input_tokens,output_tokens,error'

  test('save exactly what the failed calls cost, and name the worst minute', async () => {
    const log = csv(
      header,
      '2025-01-01 10:00:00,chat,big,1000,0,timeout',
      '2025-01-01 10:01:10,chat,big,1000,0,timeout',
      '2025-01-01 10:01:50,chat,small,500,10,timeout',
      '2025-01-01 10:02:00,chat,big,1000,0,',
    )
    const finding = await findIn(log, 'paid-failures')
    // (2 × 1000 × 10 + 500 × 1 + 10 × 4) / 1e6
    expect(finding).toMatchObject({
      savingUsd: 0.02054,
      savingTokens: 2510,
      evidence: { calls: 3 },
    })
    expect(finding?.detail).toContain('2025-01-01T10:01:00.000Z, had 2 of them')
  })

  test.each([
    ['no failure', '2025-01-01 10:00:00,chat,big,1000,0,'],
    ['failures that used nothing', '2025-01-01 10:00:00,chat,big,0,0,timeout'],
  ])('are not reported with %s', async (_claim, row) => {
    expect(await findIn(csv(header, row), 'paid-failures')).toBeUndefined()
  })
})

describe('an uncached prefix', () => {
  const header = 'time,model,input_tokens,cached_tokens,output_tokens,prefix_hash,prefix_tokens'
  const first = '2025-01-01 10:00:00,big,5000,0,10,x,4000'

  test('saves exactly the difference between input and cached input', async () => {
    const log = csv(
      header,
      first,
      '2025-01-01 10:05:00,big,5000,0,10,x,4000',
      '2025-01-01 10:10:00,big,6000,1500,10,x,4000',
    )
    // (4000 + 2500) × (10 − 1) / 1e6
    expect(await findIn(log, 'uncached-prefix')).toMatchObject({
      savingUsd: 0.0585,
      savingTokens: 6500,
      evidence: { calls: 2, lines: [3, 4] },
    })
  })

  test('is in tokens where the table has no price of cached input', async () => {
    const log = csv(header, first, '2025-01-01 10:05:00,big,5000,0,10,x,4000')
    expect(await findIn(log.replaceAll('big', 'small'), 'uncached-prefix')).toMatchObject({
      savingUsd: null,
      savingTokens: 4000,
    })
  })

  test('saves at most what the log says was paid', async () => {
    const log = csv(
      `${header},cost`,
      `${first},1`,
      '2025-01-01 10:05:00,big,5000,0,10,x,4000,0.001',
    )
    expect(await findIn(log, 'uncached-prefix')).toMatchObject({ savingUsd: 0.001 })
  })

  test.each([
    ['another prefix', '2025-01-01 10:01:00,big,5000,0,10,y,4000'],
    ['another model', '2025-01-01 10:01:00,small,5000,0,10,x,4000'],
    ['more than five minutes between', '2025-01-01 10:05:00.001,big,5000,0,10,x,4000'],
    ['all of it cached', '2025-01-01 10:01:00,big,5000,4000,10,x,4000'],
    ['a prefix too short to be kept', '2025-01-01 10:01:00,big,5000,0,10,x,1023'],
  ])('is not reported with %s', async (_claim, row) => {
    expect(await findIn(csv(header, first, row), 'uncached-prefix')).toBeUndefined()
  })
})

describe('long outputs', () => {
  const header = 'feature,model,input_tokens,output_tokens'
  const usual = (times: number): string[] => Array.from({ length: times }, () => 'chat,big,10,100')

  test('save exactly the output above four times the median', async () => {
    const log = csv(header, ...usual(20), 'chat,big,10,1400', 'chat,own,10,500')
    // (1400 − 400) × 40 / 1e6; the model `own` has no price
    expect(await findIn(log, 'long-outputs')).toMatchObject({
      savingUsd: 0.04,
      savingTokens: 1100,
      evidence: { calls: 2, pricedCalls: 1, lines: [22, 23] },
    })
  })

  test('save at most what the log says was paid', async () => {
    const rows = [...usual(20), 'chat,big,10,1400'].map((row) => `${row},0.002`)
    const finding = await findIn(csv(`${header},cost`, ...rows), 'long-outputs')
    expect(finding).toMatchObject({ savingUsd: 0.002, savingTokens: 1000 })
  })

  test('are looked for from the twentieth call of a group on', async () => {
    const log = csv(header, ...usual(19), 'chat,big,10,1400')
    expect(await findIn(log, 'long-outputs')).toMatchObject({ savingTokens: 1000 })
  })

  test.each([
    ['an output at the limit', [...usual(20), 'chat,big,10,400']],
    ['too few calls for a median', [...usual(18), 'chat,big,10,1400']],
    [
      'an output below the floor',
      [...usual(20).map((row) => row.replace('100', '10')), 'chat,big,10,256'],
    ],
  ])('are not reported with %s', async (_claim, rows) => {
    expect(await findIn(csv(header, ...rows), 'long-outputs')).toBeUndefined()
  })

  test('are measured by model where the log has no feature, and by the log where it has neither', async () => {
    const byModel = csv(header, ...usual(20), 'chat,big,10,1400').replaceAll(/^[^,]*,/gm, '')
    expect((await findIn(byModel, 'long-outputs'))?.title).toContain('model')
    const byLog = byModel.replaceAll(/^[^,]*,/gm, '')
    expect(await findIn(byLog, 'long-outputs')).toMatchObject({
      savingUsd: null,
      savingTokens: 1000,
    })
  })
})

describe('findings together', () => {
  test('count a call once, with its largest saving', async () => {
    const log = csv(
      'model,prompt_hash,input_tokens,output_tokens',
      'big,p,1000,100',
      'big,p,1000,100',
    )
    const result = await analyze({ log }, createAnalysis({ prices }))
    // The repeat saves 0.014 as a repeat and 0.0126 as a small call; the first 0.0126 as a small call.
    expect(result.findings.map(({ id, savingUsd }) => [id, savingUsd])).toEqual([
      ['small-calls-on-costly-model', 0.0252],
      ['repeated-requests', 0.014],
    ])
    expect(result.combinedSavingUsd).toBe(0.0266)
    expect(result.actions.map(({ finding, savingUsd }) => [finding, savingUsd])).toEqual([
      ['small-calls-on-costly-model', 0.0252],
      ['repeated-requests', 0.014],
    ])
  })

  test('that a log cannot show are named in a note', async () => {
    const result = await analyze(
      { log: 'input_tokens,output_tokens\n1,2\n' },
      createAnalysis({ prices }),
    )
    const notes = result.notes.filter((note) => note.includes('not looked for'))
    expect(notes).toHaveLength(findingIds.length - 1)
  })
})
