import { describe, expect, test } from 'vitest'
import { UnreadableLogError } from '../src/index.ts'
import { analyzeLog } from './logs.ts'

const failureOf = async (log: string): Promise<UnreadableLogError> => {
  const error: unknown = await analyzeLog(log).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(UnreadableLogError)
  if (!(error instanceof UnreadableLogError)) throw new Error('the log was read')
  return error
}

const azure = 'TIMESTAMP,ContextTokens,GeneratedTokens\n'
const row = '2023-11-16 18:17:03.9799600,4808,10\n'
const json = '{"prompt_tokens":1,"completion_tokens":2}\n'
const needed =
  'needed: input tokens (for example "ContextTokens", "Request tokens", "input_tokens" or "prompt_tokens")'

const cases: readonly (readonly [claim: string, log: string, line: number, reason: string])[] = [
  ['an empty file', '', 1, 'the log is empty'],
  ['a file of blank lines', '\n  \r\n\n', 1, 'the log is empty'],
  ['a header without rows', azure, 1, 'the log has a header and no rows below it'],
  [
    'a header without rows and blank lines',
    `${azure}\n\n`,
    1,
    'the log has a header and no rows below it',
  ],
  [
    'a header that is not known, naming what was found and what is needed',
    'when,who\n1,2\n',
    1,
    `no column for input tokens and output tokens; found "when", "who"; ${needed} and output tokens (for example "GeneratedTokens", "Response tokens", "output_tokens" or "completion_tokens")`,
  ],
  [
    'a header without one of the two',
    'GeneratedTokens,a,b,c,d,e,f,g,h,i\n1\n',
    1,
    `no column for input tokens; found "GeneratedTokens", "a", "b", "c", "d", "e", "f", "g" and 2 more; ${needed}`,
  ],
  [
    'two columns that mean the same',
    'input_tokens,Input Tokens,output_tokens\n1,2,3\n',
    1,
    'the columns "input_tokens" and "Input Tokens" mean the same; keep one of them',
  ],
  [
    'a word where a number is expected, on its line',
    `${azure}${row.repeat(15)}2023-11-16 18:17:03.9,abc,10\n${row}`,
    17,
    '"ContextTokens" is "abc", expected a whole number >= 0',
  ],
  [
    'an empty cell',
    `${azure}2023-11-16 18:17:03,,10\n`,
    2,
    '"ContextTokens" is empty, expected a whole number >= 0',
  ],
  [
    'a negative number',
    `${azure}2023-11-16 18:17:03,5,-1\n`,
    2,
    '"GeneratedTokens" is "-1", expected a whole number >= 0',
  ],
  [
    'a number with decimals',
    `${azure}2023-11-16 18:17:03,5.5,1\n`,
    2,
    '"ContextTokens" is "5.5", expected a whole number >= 0',
  ],
  [
    'NaN',
    `${azure}2023-11-16 18:17:03,NaN,1\n`,
    2,
    '"ContextTokens" is "NaN", expected a whole number >= 0',
  ],
  [
    'Infinity',
    `${azure}2023-11-16 18:17:03,Infinity,1\n`,
    2,
    '"ContextTokens" is "Infinity", expected a whole number >= 0',
  ],
  [
    'a number that cannot be exact',
    `${azure}2023-11-16 18:17:03,9007199254740992,1\n`,
    2,
    '"ContextTokens" is "9007199254740992", expected a whole number up to 9007199254740991',
  ],
  [
    'a total that cannot be exact',
    `${azure}2023-11-16 18:17:03,9007199254740991,1\n2023-11-16 18:17:04,1,1\n`,
    3,
    'the total of "ContextTokens" passes 9007199254740991 and would no longer be exact',
  ],
  [
    'a row with too many columns',
    `${azure}${row}2023-11-16 18:17:03,1,2,3\n${row}`,
    3,
    '4 columns, expected 3 as in the header',
  ],
  [
    'a row with too few columns',
    `${azure}2023-11-16 18:17:03,1\n${row}`,
    2,
    '2 columns, expected 3 as in the header',
  ],
  [
    'a last line that was cut off',
    `${azure}${row}2023-11-16 18:1`,
    3,
    'the log ends in the middle of a row: 1 column, expected 3 as in the header',
  ],
  [
    'a quote that is never closed, on the row where it opens',
    `${azure}${row}"2023-11-16 18:17:03,1,2\n${row}`,
    3,
    'a quoted cell of the row that begins here is never closed',
  ],
  [
    'a quote inside a cell',
    `${azure}2023-11-16 "18:17",1,2\n`,
    2,
    'a quote stands inside a cell that is not quoted',
  ],
  [
    'text behind a quoted cell',
    `${azure}"2023-11-16"x,1,2\n`,
    2,
    'text stands behind the closing quote of a cell',
  ],
  [
    'a row that never ends',
    `${azure}"${'x'.repeat(1_100_000)}\n`,
    2,
    'a row that begins here is longer than 1000000 bytes; is a quote left open?',
  ],
  [
    'a time that is not one',
    `${azure}yesterday,1,2\n`,
    2,
    '"TIMESTAMP" is "yesterday", expected a time such as 2023-11-16T18:17:03Z, or seconds as a number',
  ],
  [
    'a day that the calendar does not have',
    `${azure}2023-02-29 10:00:00,1,2\n`,
    2,
    '"TIMESTAMP" is "2023-02-29 10:00:00", expected a time such as 2023-11-16T18:17:03Z, or seconds as a number',
  ],
  [
    'dates among numbers',
    `${azure}12,1,2\n2023-11-16,1,2\n`,
    3,
    '"TIMESTAMP" is "2023-11-16", expected a number as in the rows above',
  ],
  [
    'a row without a time among rows with one',
    `${azure}${row},1,2\n`,
    3,
    '"TIMESTAMP" is empty, but the rows above have a time',
  ],
  [
    'more cached tokens than input',
    'input_tokens,output_tokens,cached_tokens\n20,1,50\n',
    2,
    '"cached_tokens" is 50, more than the 20 input tokens that it is a part of',
  ],
  [
    'a negative cost',
    'input_tokens,output_tokens,cost\n20,1,-0.5\n',
    2,
    '"cost" is "-0.5", expected dollars >= 0 such as 0.0015',
  ],
  [
    'a cost beyond reason',
    'input_tokens,output_tokens,cost\n20,1,1e30\n',
    2,
    '"cost" is "1e30", expected at most 1000000 dollars for one call',
  ],
  [
    'a latency that is a word',
    'input_tokens,output_tokens,latency_ms\n20,1,slow\n',
    2,
    '"latency_ms" is "slow", expected a number >= 0 such as 812.5',
  ],
  [
    'a zip archive',
    'PK\u0003\u0004\u0014\u0000',
    1,
    'the log is not text (it has the character U+0003)',
  ],
  [
    'a zero byte in the middle',
    `${azure}${row}2023\u0000,1,2\n`,
    3,
    'the log is not text (it has the character U+0000)',
  ],
  [
    'a JSON array',
    ' \n[{"prompt_tokens":1}]',
    2,
    'the log is a JSON array; write one JSON object a line instead (JSON Lines)',
  ],
  [
    'a line that is not JSON',
    `${json}{"prompt_tokens":}\n`,
    2,
    '"{\\"prompt_tokens\\":}" is not valid JSON',
  ],
  [
    'a last line of JSON that was cut off',
    `${json}{"prompt_tok`,
    2,
    'the log ends in the middle of a line: "{\\"prompt_tok" is not valid JSON',
  ],
  ['a line that is no object', `${json}12\n`, 2, '"12" is not a JSON object'],
  [
    'a JSON value of the wrong kind',
    `${json}{"prompt_tokens":[1],"completion_tokens":2}`,
    2,
    '"prompt_tokens" is an array, expected a number or a text',
  ],
  [
    'a JSON number that is not whole',
    `${json}{"prompt_tokens":-1,"completion_tokens":2}`,
    2,
    '"prompt_tokens" is "-1", expected a whole number >= 0',
  ],
  [
    'a JSON object without tokens among others',
    `${json}{"model":"m"}`,
    2,
    '"prompt_tokens" is empty, expected a whole number >= 0',
  ],
]

describe('a log that cannot be read names the line and the reason', () => {
  test.each(cases)('%s', async (_claim, log, line, reason) => {
    const error = await failureOf(log)
    expect(error.code).toBe('UNREADABLE_LOG')
    expect({ line: error.line, reason: error.reason }).toEqual({ line, reason })
    expect(error.message).toBe(`line ${line}: ${reason}`)
  })

  test('a long cell is shown in 40 characters, and a control character is escaped', async () => {
    const long = await failureOf(`${azure}${row}2023-11-16 18:17:03,${'secret'.repeat(5000)},1\n`)
    expect(long.reason.length).toBeLessThan(110)
    expect(long.reason).toContain(`"${'secret'.repeat(7).slice(0, 39)}…"`)
    const bell = await failureOf(`input_tokens,output_tokens\n"1\u202E\n2",1\n`)
    expect(bell.reason).toBe(
      String.raw`"input_tokens" is "1\u202e\n2", expected a whole number >= 0`,
    )
  })

  test('a row is named by the line it ends on, behind quoted line ends and blank lines', async () => {
    const error = await failureOf('feature,input_tokens,output_tokens\n"a\nb",1,2\n\n\nc,x,2\n')
    expect(error.line).toBe(6)
  })
})
