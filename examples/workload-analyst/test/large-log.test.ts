import { setImmediate as macrotask } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { analyzeLog } from './logs.ts'

const length = 10_000_000

const build = (head: string, row: (at: number) => string): { log: string; rows: number } => {
  const parts = [head]
  let characters = head.length
  let rows = 0
  while (characters < length) {
    const next = row(rows)
    parts.push(next)
    characters += next.length
    rows += 1
  }
  return { log: parts.join(''), rows }
}

const logs = {
  csv: () =>
    build('TIMESTAMP,Model,prompt_hash,ContextTokens,GeneratedTokens\n', (at) => {
      const second = String(at % 60).padStart(2, '0')
      return `2023-11-16 18:17:${second}.9799600,gpt-4o,${at % 5000},${at % 7433},${at % 301}\n`
    }),
  'json-lines': () =>
    build(
      '',
      (at) =>
        `{"time":${at},"model":"m${at % 9}","prompt_tokens":${at % 977},"completion_tokens":9}\n`,
    ),
}

describe.each(['csv', 'json-lines'] as const)('a log of ten million characters in %s', (format) => {
  test('is analyzed, giving way to the event loop all along', { timeout: 60_000 }, async () => {
    const { log, rows } = logs[format]()
    expect(log.length).toBeGreaterThanOrEqual(length)
    let turns = 0
    const result = await analyzeLog(log, {
      nextTurn: () => {
        turns += 1
        return macrotask()
      },
    })
    expect(result.totals.calls).toBe(rows)
    // A turn for every 2000 rows or fewer while reading, and again in each pass over them.
    expect(turns).toBeGreaterThan((rows / 2000) * 5)
    expect(JSON.stringify(result).length).toBeLessThan(60_000)
  })

  test('ends on the next turn after an abort, with its reason', async () => {
    const { log } = logs[format]()
    const controller = new AbortController()
    const reason = new Error('cancelled by the user')
    let turns = 0
    const reading = analyzeLog(log, {
      signal: controller.signal,
      nextTurn: () => {
        turns += 1
        if (turns === 5) controller.abort(reason)
        return macrotask()
      },
    })
    await expect(reading).rejects.toBe(reason)
    expect(turns).toBe(5)
  })
})

describe('a log of ten million characters that is not one', () => {
  test.each([
    ['one line', 'x'.repeat(length), 'the header is longer than 100000 characters'],
    ['one line of JSON', `{"a":"${'x'.repeat(length)}"}`, 'longer than 1000000 characters'],
    [
      'one quoted cell',
      `input_tokens,output_tokens\n"${'x\n'.repeat(length / 2)}`,
      'longer than 1000000 bytes',
    ],
    ['commas', `input_tokens,output_tokens\n${','.repeat(length)}`, 'longer than 1000000 bytes'],
  ])('of %s is refused', async (_claim, log, reason) => {
    await expect(analyzeLog(log)).rejects.toMatchObject({
      code: 'UNREADABLE_LOG',
      reason: expect.stringContaining(reason),
    })
  })
})
