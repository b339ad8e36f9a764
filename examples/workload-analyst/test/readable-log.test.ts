import { describe, expect, test } from 'vitest'
import { createPace, readLog, type Workload } from '../src/index.ts'
import { analyzeLog } from './logs.ts'

const read = (log: string): Promise<Workload> => readLog(log, createPace())
const tokens = (workload: Workload): number[][] => [
  [...workload.inputTokens],
  [...workload.outputTokens],
]

describe('the columns of a log', () => {
  test.each([
    ['TIMESTAMP,ContextTokens,GeneratedTokens', '2023-11-16 18:17:03.9799600,7,3'],
    [
      'Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type',
      '5,GPT-4,7,3,10,API log',
    ],
    ['prompt_tokens,completion_tokens', '7,3'],
    ['Input-Tokens;OUTPUT_TOKENS', '7;3'],
    ['"Input\ttokens"\toutput tokens', '7\t3'],
    ['num_output_tokens,num_input_tokens', '3,7'],
    ['input_length,output_length', '7.0,3.00'],
  ])('are recognised under %j', async (header, row) => {
    expect(tokens(await read(`${header}\n${row}\n`))).toEqual([[7], [3]])
  })

  test('are recognised in JSON Lines, also inside usage', async () => {
    const workload = await read(
      '\uFEFF{"model":"m","usage":{"prompt_tokens":7,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2}},"other":1}\r\n\n{"model":"m","usage":{"prompt_tokens":"8","completion_tokens":4}}',
    )
    expect(tokens(workload)).toEqual([
      [7, 8],
      [3, 4],
    ])
    expect([...(workload.cachedTokens ?? [])]).toEqual([2, 0])
    expect(workload.ignoredHeaders).toEqual(['other'])
    expect([...workload.lines]).toEqual([1, 3])
  })

  test('that several headers could mean are taken by the likeliest', async () => {
    const { log } = await analyzeLog('created_at,timestamp,input_tokens,output_tokens\n1,2,3,4\n')
    expect(log.columns).toMatchObject({ time: 'timestamp' })
    expect(log.ignoredColumns).toEqual(['created_at'])
  })

  test('may be quoted, and hold delimiters, quotes and line ends', async () => {
    const workload = await read('feature,input_tokens,output_tokens\n"a, ""b""\r\nc",1,"2"\r\n')
    expect(workload.features?.names).toEqual(['', 'a, "b"\r\nc'])
    expect(tokens(workload)).toEqual([[1], [2]])
  })

  test('keep characters beyond the basic plane whole, wherever the text is sliced', async () => {
    const rows = Array.from({ length: 9000 }, (_, at) => `${'x'.repeat(at % 5)}😀,1,2`)
    const workload = await read(`feature,input_tokens,output_tokens\n${rows.join('\n')}`)
    expect(new Set(workload.features?.names)).toEqual(
      new Set(['', '😀', 'x😀', 'xx😀', 'xxx😀', 'xxxx😀']),
    )
  })
})

describe('the times of a log', () => {
  const timesOf = async (...cells: string[]): Promise<[clock: string, times: number[]]> => {
    const rows = cells.map((cell) => `"${cell}",1,2\n`).join('')
    const { clock, times } = await read(`time,input_tokens,output_tokens\n${rows}`)
    return [clock, [...(times ?? [])]]
  }
  const at = Date.UTC(2023, 10, 16, 18, 17, 3)

  test.each([
    ['2023-11-16 18:17:03.9799600', at + 979],
    ['2023-11-16T18:17:03Z', at],
    ['2023-11-16T18:17:03.5+00:00', at + 500],
    ['2023-11-16T20:17:03+02:00', at],
    ['2023-11-16T13:47:03-0430', at],
    ['2023/11/16 18:17', at - 3000],
    ['2023-11-16', Date.UTC(2023, 10, 16)],
    ['1700158623', at],
    ['1700158623.25', at + 250],
    ['1700158623000', at],
    ['1700158623000123', at],
    ['1700158623000123456', at],
  ])('%s is a time of day in UTC', async (cell, expected) => {
    expect(await timesOf(cell)).toEqual(['utc', [expected]])
  })

  test('that are small numbers are seconds from the start of the recording', async () => {
    expect(await timesOf('5', '45.5', '5269973')).toEqual([
      'relative',
      [5000, 45_500, 5_269_973_000],
    ])
  })

  test('under a header that ends in ms are milliseconds', async () => {
    const workload = await read('timestamp_ms,input_tokens,output_tokens\n0,1,2\n27482,1,2\n')
    expect([workload.clock, [...(workload.times ?? [])]]).toEqual(['relative', [0, 27_482]])
  })

  test('from the start of the recording make minutes from it', async () => {
    const { callsPerMinute, log } = await analyzeLog(
      'Timestamp,Request tokens,Response tokens\n5,1,1\n65,1,1\n70.5,1,1\n',
    )
    expect(log).toMatchObject({ clock: 'relative', firstAt: '+5s', lastAt: '+70.5s' })
    expect(callsPerMinute).toMatchObject({ average: 1.5, peak: { at: '+60s', calls: 2 } })
  })

  test('over years make at most 120 intervals', async () => {
    const { callsPerMinute } = await analyzeLog(
      'time,input_tokens,output_tokens\n1999-01-01,1,1\n2025-01-01,1,1\n',
    )
    expect(callsPerMinute?.series.length).toBeLessThanOrEqual(120)
    expect(callsPerMinute?.series.reduce((calls, point) => calls + point.calls, 0)).toBe(2)
  })
})

describe('what a log does not have', () => {
  test('is said, and nothing is invented', async () => {
    const result = await analyzeLog('input_tokens,output_tokens\n10,20\n')
    expect(result.totals).toMatchObject({
      costUsd: null,
      cachedInputTokens: null,
      failedCalls: null,
    })
    expect(result).toMatchObject({
      callsPerMinute: null,
      latency: null,
      spendByModel: null,
      spendByFeature: null,
      findings: [],
      combinedSavingUsd: null,
    })
    const notes = result.notes.join('\n')
    expect(notes).toContain('no times')
    expect(notes).toContain('no column for the feature')
    expect(notes).toContain('neither a model nor a cost: no price is known, so there is no money')
    expect(result.report).toContain('What they cost is not known: no call has a price.')
    expect(result.report).not.toContain('$')
  })

  test('is said of calls that failed without tokens, of totals that differ and of odd statuses', async () => {
    const result = await analyzeLog(
      'input_tokens,output_tokens,total_tokens,status\n,,,timeout\n10,20,31,ok\n10,20,30,odd\n',
    )
    expect(result.totals).toMatchObject({
      calls: 3,
      inputTokens: 20,
      outputTokens: 40,
      failedCalls: 1,
    })
    expect(result.notes.join('\n')).toMatch(/total of 1 row is.*\n.*status of 1 row is/)
  })
})

describe('how a call ended', () => {
  test.each([
    ['200', 0],
    ['ok', 0],
    ['Success', 0],
    ['', 0],
    ['true', 0],
    ['429', 1],
    ['503', 1],
    ['failed', 1],
    ['ReadTimeout', 1],
    ['false', 1],
  ])('with the status %j is read as %i', async (status, failed) => {
    const workload = await read(`status,input_tokens,output_tokens\n"${status}",1,2\n`)
    expect([...(workload.failed ?? [])]).toEqual([failed])
  })

  test('with an error has failed, also where the error is an object', async () => {
    const csv = await read('error,input_tokens,output_tokens\nnone,1,2\nrate limit,1,2\n')
    expect([...(csv.failed ?? [])]).toEqual([0, 1])
    const json = await read(
      '{"error":{"code":429}}\n{"error":null,"prompt_tokens":1,"completion_tokens":2}\n',
    )
    expect([...(json.failed ?? [])]).toEqual([1, 0])
  })
})
