import { count } from '../report/format.ts'
import { generateSampleCalls, generateSampleLog } from '../sample/generate-sample-log.ts'

/** A log that the page offers. */
export interface Sample {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly mediaType: 'text/csv' | 'application/jsonl'
  /** Makes the text; the same one each time. */
  generate(): string
}

const seed = 20_250_303
const calls = 2400

const supportChat = (): string => generateSampleLog({ seed, calls, profile: 'support-chat' })

/** The bare columns of a public trace: when, and how many tokens. */
const bareTrace = (): string => {
  const rows = generateSampleCalls({ seed: seed + 2, calls, profile: 'code-completion' }).map(
    ({ time, inputTokens, outputTokens }) =>
      `${new Date(time).toISOString().replace('T', ' ').replace('Z', '')},${inputTokens},${outputTokens}`,
  )
  return ['TIMESTAMP,ContextTokens,GeneratedTokens', ...rows, ''].join('\n')
}

const brokenLine = 120

const broken = (): string =>
  supportChat()
    .split('\n')
    .map((line, index) => (index === brokenLine - 1 ? line.replaceAll(/\d+/g, 'n/a') : line))
    .join('\n')

/** The logs that the page offers: one for each of its users, one without prices, one that is broken. */
export const samples: readonly Sample[] = [
  {
    name: 'support-chat',
    title: 'Support chat (CSV)',
    description: `About ${count(calls, 'call')} to three models in two hours, with latency, status and prompt hashes.`,
    mediaType: 'text/csv',
    generate: supportChat,
  },
  {
    name: 'code-completion',
    title: 'Code completion (JSON Lines)',
    description: `About ${count(calls, 'call')} to two models in an hour, with latency, status and prompt hashes.`,
    mediaType: 'application/jsonl',
    generate: () => generateSampleLog({ seed: seed + 1, calls, profile: 'code-completion' }),
  },
  {
    name: 'bare-trace',
    title: 'A bare trace (CSV, no models)',
    description: 'Times and tokens only, as public traces have them: no price, so no money.',
    mediaType: 'text/csv',
    generate: bareTrace,
  },
  {
    name: 'broken',
    title: 'A broken log (CSV)',
    description: `Line ${brokenLine} has words where numbers belong: the run ends in an error that says so.`,
    mediaType: 'text/csv',
    generate: broken,
  },
]
