// One model that knows what to say, in the form that each library wants.
import { BaseChatModel } from '@langchain/core/language_models/chat_models'
import { AIMessage, type BaseMessage } from '@langchain/core/messages'
import type { ChatResult } from '@langchain/core/outputs'
import type { MastraModelConfig } from '@mastra/core/llm'
import { Usage, type Model, type ModelRequest, type ModelResponse } from '@openai/agents'
import type { LanguageModel } from 'ai'
import { MockLanguageModelV3 } from 'ai/test'

/** What the model does: it asks for the notes, and then says what was in them. */
export class Script {
  readonly prompts: string[] = []

  next(prompt: unknown): { readonly call: { readonly wait: boolean } } | { readonly text: string } {
    const written = JSON.stringify(prompt)
    this.prompts.push(written)
    const note = /note of \w+/.exec(written)?.[0]
    if (note !== undefined) return { text: `It says: ${note}` }
    if (/failed|An error occurred/.test(written)) return { text: 'I cannot read the notes.' }
    return { call: { wait: written.includes('Wait') } }
  }
}

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
}

/** For the AI SDK and for Mastra, which take models of the same specification. */
export function aiSdkModel(
  script: Script,
): Extract<LanguageModel, { readonly specificationVersion: 'v3' }> {
  const contentFor = (prompt: unknown) => {
    const next = script.next(prompt)
    return 'text' in next
      ? ({ type: 'text', text: next.text } as const)
      : ({
          type: 'tool-call',
          toolCallId: `call-${script.prompts.length}`,
          toolName: 'read_notes',
          input: JSON.stringify(next.call),
        } as const)
  }
  const finishReason = (type: string) =>
    type === 'text'
      ? ({ unified: 'stop', raw: 'stop' } as const)
      : ({ unified: 'tool-calls', raw: 'tool_calls' } as const)
  return new MockLanguageModelV3({
    doGenerate: async ({ prompt }) => {
      const content = contentFor(prompt)
      return {
        content: [content],
        finishReason: finishReason(content.type),
        usage,
        warnings: [],
      }
    },
    // Mastra streams, also where it is asked for the whole answer.
    doStream: async ({ prompt }) => {
      const content = contentFor(prompt)
      return {
        stream: new ReadableStream({
          start(controller) {
            controller.enqueue({ type: 'stream-start', warnings: [] })
            if (content.type === 'text') {
              controller.enqueue({ type: 'text-start', id: '0' })
              controller.enqueue({ type: 'text-delta', id: '0', delta: content.text })
              controller.enqueue({ type: 'text-end', id: '0' })
            } else controller.enqueue(content)
            controller.enqueue({
              type: 'finish',
              finishReason: finishReason(content.type),
              usage,
            })
            controller.close()
          },
        }),
      }
    },
  })
}

/** The same model. Mastra brings its own copy of the specification's types, in which the optional fields differ. */
export function mastraModel(script: Script): MastraModelConfig {
  return aiSdkModel(script) as unknown as MastraModelConfig
}

export function openAiModel(script: Script): Model {
  return {
    getResponse: async (request: ModelRequest): Promise<ModelResponse> => {
      const next = script.next(request.input)
      return {
        usage: new Usage(),
        output: [
          'text' in next
            ? {
                type: 'message',
                role: 'assistant',
                status: 'completed',
                content: [{ type: 'output_text', text: next.text }],
              }
            : {
                type: 'function_call',
                callId: `call-${script.prompts.length}`,
                name: 'read_notes',
                status: 'completed',
                arguments: JSON.stringify(next.call),
              },
        ],
      }
    },
    getStreamedResponse: () => {
      throw new Error('It is asked for whole answers only')
    },
  }
}

/** A chat model of LangChain. */
export class LangChainModel extends BaseChatModel {
  readonly #script: Script

  constructor(script: Script) {
    super({})
    this.#script = script
  }

  override _llmType(): string {
    return 'script'
  }

  override bindTools(): this {
    return this
  }

  override async _generate(messages: BaseMessage[]): Promise<ChatResult> {
    const next = this.#script.next(messages.map(({ content }) => content))
    const message =
      'text' in next
        ? new AIMessage(next.text)
        : new AIMessage({
            content: '',
            tool_calls: [
              { id: `call-${this.#script.prompts.length}`, name: 'read_notes', args: next.call },
            ],
          })
    return { generations: [{ text: '', message }] }
  }
}
