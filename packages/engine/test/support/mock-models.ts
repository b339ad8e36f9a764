import { MockLanguageModelV4 } from 'ai/test'
import { MockLanguageModelV3 } from 'ai-6/test'
import type { LanguageModelV3CallOptions } from 'provider-3'
import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'

type CallOptions = LanguageModelV3CallOptions | LanguageModelV4CallOptions

type Answer = Part[] | ReadableStream<Part>
type Answers = (options: CallOptions, call: number) => Answer | Promise<Answer>

/** A piece, written without what all pieces of a test share. */
export type Part = { readonly type: string } & Record<string, unknown>

export const versions = ['v3', 'v4'] as const
type Version = (typeof versions)[number]

/** The SDK's own mock model of that version, which answers each call as `answers` says. */
export function mockModel(
  version: Version,
  answers: Answers,
): (MockLanguageModelV3 | MockLanguageModelV4) & { readonly prompts: unknown[] } {
  let calls = 0
  const prompts: unknown[] = []
  const doStream = async (options: CallOptions): Promise<never> => {
    prompts.push(options.prompt)
    const answer = await answers(options, calls++)
    const stream = answer instanceof ReadableStream ? answer : streamOf(answer)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test says what the provider gives
    return { stream } as never
  }
  const Model = version === 'v3' ? MockLanguageModelV3 : MockLanguageModelV4
  return Object.assign(new Model({ doStream }), { prompts })
}

function streamOf(parts: readonly Part[]): ReadableStream<Part> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part)
      controller.close()
    },
  })
}

const usage = {
  inputTokens: { total: 10, noCache: 10, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 5, text: 5, reasoning: undefined },
}

export function finish(unified = 'stop', raw: string | undefined = unified): Part {
  return { type: 'finish', finishReason: { unified, raw }, usage }
}

export function said(...deltas: string[]): Part[] {
  return [
    { type: 'stream-start', warnings: [] },
    { type: 'text-start', id: '0' },
    ...deltas.map((delta) => ({ type: 'text-delta', id: '0', delta })),
    { type: 'text-end', id: '0' },
    finish(),
  ]
}

export function asked(...calls: [toolName: string, input: unknown][]): Part[] {
  return [
    { type: 'stream-start', warnings: [] },
    ...calls.map(([toolName, input], index) => ({
      type: 'tool-call',
      toolCallId: `asked-${index}`,
      toolName,
      input: typeof input === 'string' ? input : JSON.stringify(input),
    })),
    finish('tool-calls'),
  ]
}
