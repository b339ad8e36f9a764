import * as z from 'zod'
import { defineAgent, type AgentDefinition, type AgentLimits } from '../agents/define-agent.ts'
import type { ToolDefinition } from '../agents/define-tool.ts'
import { checkedLimit } from '../internal/checked-limit.ts'
import { checkedName } from '../internal/checked-name.ts'
import { checkedRetry, type RetryOptions } from '../retries/retry-policy.ts'
import { modelJsonSchema } from './json-schema.ts'
import type { LanguageModel, ModelSettings, ProviderTool, ToolChoice } from './language-model.ts'
import { splitLimits, type ModelLimits } from './model-limits.ts'
import type { AgentTool } from './agent-tool.ts'
import { givenTools } from './given-tools.ts'
import type { ToolSource } from './model-tool.ts'
import { defaultPrompt, type PromptContent } from './prompt.ts'
import { checkedModel, runModelAgent, type ModelAgent } from './run-model-agent.ts'

/** What a model agent takes where it says nothing else: `{ message }`. */
export type MessageInput = z.ZodObject<{ message: z.ZodString }>

/** What it returns where it says nothing else: `{ text }`, all that the model said in its last answer. */
export type TextOutput = z.ZodObject<{ text: z.ZodString }>

export interface ModelAgentOptions<
  InputSchema extends z.ZodType = MessageInput,
  OutputSchema extends z.ZodType = TextOutput,
> {
  /** 1 to 64 letters, digits, `_`, `-` or `.`. */
  readonly name: string
  readonly description?: string
  /**
   * A model of any AI SDK provider package, for `ai` 6 or 7. Shared by all users as it is; a function is called once
   * for each execution, in its owner's scope, and makes a model with that user's own credentials.
   */
  readonly model: LanguageModel | (() => LanguageModel | PromiseLike<LanguageModel>)
  /** The system prompt. A function is called in the owner's scope. */
  readonly instructions?:
    | string
    | ((input: z.output<InputSchema>) => string | undefined | PromiseLike<string | undefined>)
  /** Default: `{ message: string }`. */
  readonly input?: InputSchema
  /** What the user says to the model. Default: the input's `message`, or all of the input as JSON. */
  readonly prompt?: (input: z.output<InputSchema>) => PromptContent | PromiseLike<PromptContent>
  /**
   * What the model's final answer has to be: asked for as JSON, checked, and sent back to the model if it does not
   * fit. Its text makes no `agent_text` then. Default: text, as `{ text }`.
   */
  readonly output?: OutputSchema
  /**
   * Tools that the model may ask for, agents that it may ask as if they were (`agentTool`, `handoff`), and where to get more
   * tools. None may have the name of another.
   */
  readonly tools?: readonly (ToolDefinition | AgentTool | ToolSource)[]
  /** Tools that the provider itself executes. */
  readonly providerTools?: readonly ProviderTool[]
  /** Applies to the first step; later ones are free, except that `none` stays. Default: the model chooses. */
  readonly toolChoice?: ToolChoice
  readonly settings?: ModelSettings
  /** How often the model may be asked. Then `MODEL_STEP_LIMIT`. Default 10. */
  readonly maxSteps?: number
  readonly limits?: AgentLimits & Partial<ModelLimits>
  /** Tries a call again that failed for a passing reason, as long as nothing of its answer was told. */
  readonly retry?: RetryOptions
  /**
   * What the model depends on, by a name that tools and models may share: the circuit that opens for a user where it has
   * failed several times in a row for them. Default: the model's provider and id, as `openai.chat/gpt-5`.
   */
  readonly dependency?: string
  /** False asks for whole answers (`doGenerate`), for a provider that cannot stream. Default true. */
  readonly streams?: boolean
}

const messageInput: MessageInput = z.object({ message: z.string() })
const textOutput: TextOutput = z.object({ text: z.string() })

/**
 * Defines an agent that a language model thinks for. The loop is Ringfence's own and runs in the owner's scope: text
 * and thoughts become events as they come, each tool call is one of `agent.call` with its schemas, deadline, events
 * and fencing, and a model that stalls, fails, never ends or breaks off ends in a typed error, never in success.
 *
 * Fails with `MODEL_FAILED`, `MODEL_DEADLINE`, `MODEL_OUTPUT_LIMIT`, `MODEL_FILTERED`, `MODEL_MISTAKEN`,
 * `MODEL_STEP_LIMIT`, `CIRCUIT_OPEN`. Throws TypeError for a bad name, limit or model.
 *
 * @example
 * const assistant = modelAgent({
 *   name: 'assistant',
 *   model: openai('gpt-5'),
 *   instructions: () => `You help ${users.current().userId}.`,
 *   tools: [readFolder],
 * })
 */
export function modelAgent<
  InputSchema extends z.ZodType = MessageInput,
  OutputSchema extends z.ZodType = TextOutput,
>(
  options: ModelAgentOptions<InputSchema, OutputSchema>,
): AgentDefinition<z.input<InputSchema>, z.output<OutputSchema>> {
  const { name, description, model, tools = [], providerTools = [], maxSteps = 10 } = options
  const limits = splitLimits(options.limits)
  // The defaults of the type parameters are the defaults of the options.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const input = (options.input ?? messageInput) as InputSchema
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const output = (options.output ?? textOutput) as OutputSchema
  const { instructions, prompt = defaultPrompt } = options
  const given = givenTools(tools)
  const agent: ModelAgent<z.output<InputSchema>> = {
    model: typeof model === 'function' ? model : checkedModel(model),
    instructions: typeof instructions === 'function' ? instructions : () => instructions,
    prompt,
    tools: given.tools,
    named: given.named,
    sources: given.sources,
    providerTools: [...providerTools],
    toolChoice: options.toolChoice,
    output:
      options.output === undefined
        ? undefined
        : { schema: output, jsonSchema: modelJsonSchema(output) },
    fits: async (result) => (await output.safeParseAsync(result)).success,
    settings: { ...options.settings },
    maxSteps: checkedLimit('maxSteps', maxSteps, 1),
    limits: limits.model,
    retry: checkedRetry(options.retry ?? {}),
    dependency:
      options.dependency === undefined ? undefined : checkedName('dependency', options.dependency),
    streams: options.streams ?? true,
  }
  return defineAgent<InputSchema, OutputSchema>({
    name,
    input,
    output,
    limits: limits.agent,
    delegates: given.delegates,
    ...(description === undefined ? {} : { description }),
    // What it returns has been checked against the output schema, or is `{ text }`; it is checked again on its way out.
    run: (parsed, execution) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      runModelAgent(agent, parsed, execution) as Promise<z.input<OutputSchema>>,
  })
}
