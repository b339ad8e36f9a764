import { excerpt, UnreadableLogError } from './unreadable-log-error.ts'

/** What the columns of a log can mean. */
export const columnMeanings = [
  'time',
  'model',
  'inputTokens',
  'outputTokens',
  'totalTokens',
  'cachedTokens',
  'latency',
  'cost',
  'feature',
  'status',
  'error',
  'prompt',
  'prefix',
  'prefixTokens',
] as const

/** What a column of a log can mean. */
export type ColumnMeaning = (typeof columnMeanings)[number]

/**
 * Names by which a column is recognised, the likeliest first: lower case, with everything that is
 * not a letter or a digit taken out. Where a log has several of them, the first in the list counts.
 */
const names: Readonly<Record<ColumnMeaning, string>> = {
  time: `timestamp timestampms timestamputc time datetime date ts at createdat created starttime
    startedat requesttime arrivaltime arrivedat`,
  model: 'model modelname modelid llm llmmodel deployment',
  inputTokens: `inputtokens prompttokens contexttokens requesttokens tokensin tokensinput
    numinputtokens numprompttokens inputtokencount prompttokencount inputlength`,
  outputTokens: `outputtokens completiontokens generatedtokens responsetokens tokensout tokensoutput
    numoutputtokens numcompletiontokens outputtokencount completiontokencount outputlength`,
  totalTokens: 'totaltokens tokenstotal totaltokencount tokens',
  cachedTokens: `cachedtokens cachedinputtokens cachedprompttokens inputcachedtokens
    cachedcontenttokencount`,
  latency: `latencyms latency latencymillis latencymilliseconds durationms duration
    durationmilliseconds elapsedms elapsed responsetimems responsetime totaltimems latencys
    latencysec latencyseconds durations durationsec durationseconds elapsedseconds elapsedtime
    responsetimeseconds`,
  cost: 'costusd cost costinusd costdollars totalcost totalcostusd spend spendusd',
  feature: `feature featurename usecase operation task workflow endpoint route application app
    project tag logtype`,
  status: 'status statuscode httpstatus outcome success ok',
  error: 'error errorcode errortype errormessage exception',
  prompt: `prompthash promptsha256 promptid promptkey promptdigest requesthash inputhash messageshash
    cachekey`,
  prefix: 'prefixhash prefixid systemprompthash systempromptid contexthash contextid',
  prefixTokens: 'prefixtokens systemprompttokens sharedprefixtokens',
}

/** Whether a column of times taken counts seconds by its name; the others count milliseconds. */
export const isInSeconds = (header: string): boolean =>
  /(?:(?<!milli)seconds|sec|latencys|durations|elapsedtime)$/.test(normalizeHeader(header))

/** Whether a numeric time column says by its name that it counts milliseconds. */
export const isInMilliseconds = (header: string): boolean => normalizeHeader(header).endsWith('ms')

const normalizeHeader = (header: string): string =>
  header.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '')

const recognised: ReadonlyMap<string, { meaning: ColumnMeaning; rank: number }> = new Map(
  columnMeanings.flatMap((meaning) =>
    names[meaning].split(/\s+/).map((name, rank) => [name, { meaning, rank }] as const),
  ),
)

/** What a header means and how likely (0 is likeliest); undefined where it is not recognised. */
export const recogniseHeader = (
  header: string,
): { readonly meaning: ColumnMeaning; readonly rank: number } | undefined =>
  recognised.get(normalizeHeader(header))

/** Which column of a log is which, and the columns that are not used. */
export interface Columns {
  /** Per meaning, the position and the header as found. */
  readonly found: ReadonlyMap<ColumnMeaning, { readonly position: number; readonly header: string }>
  readonly ignored: readonly string[]
}

const required = {
  inputTokens: '"ContextTokens", "Request tokens", "input_tokens" or "prompt_tokens"',
  outputTokens: '"GeneratedTokens", "Response tokens", "output_tokens" or "completion_tokens"',
} as const

const words = { inputTokens: 'input tokens', outputTokens: 'output tokens' } as const

/** Recognises the columns of a header. Throws UNREADABLE_LOG where the tokens are not among them. */
export const recogniseColumns = (headers: readonly string[], line: number): Columns => {
  const found = new Map<ColumnMeaning, { position: number; header: string; rank: number }>()
  headers.forEach((header, position) => {
    const column = recogniseHeader(header)
    if (column === undefined) return
    const other = found.get(column.meaning)
    if (other?.rank === column.rank) {
      const both = `${excerpt(other.header)} and ${excerpt(header)}`
      throw new UnreadableLogError(line, `the columns ${both} mean the same; keep one of them`)
    }
    if (other === undefined || column.rank < other.rank) {
      found.set(column.meaning, { position, header, rank: column.rank })
    }
  })
  requireTokens(found, headers, line)
  const used = new Set([...found.values()].map((column) => column.position))
  return { found, ignored: headers.filter((_, position) => !used.has(position)) }
}

/** Throws UNREADABLE_LOG, naming what was found and what is needed, where a token column is missing. */
export const requireTokens = (
  found: { has(meaning: ColumnMeaning): boolean },
  headers: readonly string[],
  line: number,
): void => {
  const missing = (['inputTokens', 'outputTokens'] as const).filter(
    (meaning) => !found.has(meaning),
  )
  if (missing.length === 0) return
  const shown = headers.slice(0, 8).map(excerpt).join(', ')
  const more = headers.length > 8 ? ` and ${headers.length - 8} more` : ''
  const needed = missing.map((meaning) => `${words[meaning]} (for example ${required[meaning]})`)
  throw new UnreadableLogError(
    line,
    `no column for ${missing.map((meaning) => words[meaning]).join(' and ')}; ` +
      `found ${shown === '' ? 'no columns' : shown}${more}; needed: ${needed.join(' and ')}`,
  )
}
