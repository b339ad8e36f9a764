import type { ScriptedAnswer, ScriptedFinish } from './script.ts'

interface Tokens {
  inputTokens: {
    total: number
    noCache: number
    cacheRead: number
    cacheWrite: undefined
  }
  outputTokens: { total: number; text: number; reasoning: number }
}

export interface ScriptedToolRequest {
  type: 'tool-call'
  toolCallId: string
  toolName: string
  input: string
}

/** A whole answer, as both versions of the provider specification have it. */
export interface ScriptedResult {
  content: ({ type: 'text' | 'reasoning'; text: string } | ScriptedToolRequest)[]
  finishReason: { unified: ScriptedFinish; raw: string }
  usage: Tokens
  warnings: never[]
}

/** A piece of an answer, as both versions of the provider specification have it. */
export type ScriptedPiece =
  | { type: 'stream-start'; warnings: never[] }
  | { type: 'text-start' | 'text-end' | 'reasoning-start' | 'reasoning-end'; id: string }
  | { type: 'text-delta' | 'reasoning-delta'; id: string; delta: string }
  | ScriptedToolRequest
  | ({ type: 'finish' } & Pick<ScriptedResult, 'finishReason' | 'usage'>)

/** The whole answer. `turn` keeps apart the calls that a conversation makes. */
export function resultOf(answer: ScriptedAnswer, turn: number): ScriptedResult {
  const { reasoning, text, calls = [], usage = {} } = answer
  const { inputTokens = 10, outputTokens = 5, cachedTokens = 0, reasoningTokens = 0 } = usage
  const unified = answer.finishReason ?? (calls.length > 0 ? 'tool-calls' : 'stop')
  return {
    content: [
      ...(reasoning === undefined ? [] : [{ type: 'reasoning' as const, text: reasoning }]),
      ...(text === undefined ? [] : [{ type: 'text' as const, text }]),
      ...calls.map(({ tool, input }, index) => ({
        type: 'tool-call' as const,
        toolCallId: `call-${turn + 1}-${index + 1}`,
        toolName: tool,
        input: typeof input === 'string' ? input : JSON.stringify(input ?? {}),
      })),
    ],
    finishReason: { unified, raw: unified },
    usage: {
      inputTokens: {
        total: inputTokens,
        noCache: inputTokens - cachedTokens,
        cacheRead: cachedTokens,
        cacheWrite: undefined,
      },
      outputTokens: {
        total: outputTokens,
        text: outputTokens - reasoningTokens,
        reasoning: reasoningTokens,
      },
    },
    warnings: [],
  }
}

/** The answer in the pieces that it is streamed in: words, and tools that are asked for. */
export function* piecesOf({
  content,
  finishReason,
  usage,
}: ScriptedResult): Generator<ScriptedPiece> {
  yield { type: 'stream-start', warnings: [] }
  for (const [index, part] of content.entries()) {
    if (part.type === 'tool-call') {
      yield part
      continue
    }
    const id = String(index)
    yield { type: `${part.type}-start`, id }
    for (const delta of part.text.split(/(?<=\s)(?=\S)/u)) {
      yield { type: `${part.type}-delta`, id, delta }
    }
    yield { type: `${part.type}-end`, id }
  }
  yield { type: 'finish', finishReason, usage }
}

/** Whether it is one of those that `breaksAfter` counts. */
export function isCounted({ type }: ScriptedPiece): boolean {
  return type === 'text-delta' || type === 'reasoning-delta' || type === 'tool-call'
}
