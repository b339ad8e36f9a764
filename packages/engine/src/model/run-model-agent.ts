import type * as z from 'zod'
import { EngineError, hasReason } from '../errors/engine-error.ts'
import type { AgentExecution } from '../instances/agent-execution.ts'
import { RunningExecution } from '../instances/running-execution.ts'
import { cut } from '../internal/cut.ts'
import { isPromiseLike } from '../internal/is-promise-like.ts'
import { AnswerEvents } from './answer-events.ts'
import { earlierMessages, remember, threadOf } from './conversation.ts'
import { executeRequests, HandedOver, handsOver } from './execute-requests.ts'
import { refuseUnfinished, structured } from './final-answer.ts'
import type {
  LanguageModel,
  ModelCallOptions,
  ModelJsonSchema,
  ModelSettings,
  ProviderTool,
  ToolChoice,
} from './language-model.ts'
import { Mistakes } from './mistakes.ts'
import type { RetryPolicy } from '../retries/retry-policy.ts'
import type { ModelLimits } from './model-limits.ts'
import type { GivenTools } from './given-tools.ts'
import { suppliedAgent, type ModelTools, type ToolSource } from './model-tool.ts'
import { userMessage, wordsOf, type FilePart, type Message, type PromptContent } from './prompt.ts'
import { takeStep, type StepCaller } from './take-step.ts'

/** A model agent with everything resolved that does not depend on who runs it. */
export interface ModelAgent<Input> {
  readonly model: LanguageModel | (() => LanguageModel | PromiseLike<LanguageModel>)
  readonly instructions: (input: Input) => string | undefined | PromiseLike<string | undefined>
  readonly prompt: (input: Input) => PromptContent | PromiseLike<PromptContent>
  /** Those that everybody has. */
  readonly tools: ModelTools
  /** Agents that it may ask for by the name that they are registered by. */
  readonly named: GivenTools['named']
  readonly sources: readonly ToolSource[]
  readonly providerTools: readonly ProviderTool[]
  readonly toolChoice: ToolChoice | undefined
  /** What the final answer has to fit; undefined where it is text. */
  readonly output: { readonly schema: z.ZodType; readonly jsonSchema: ModelJsonSchema } | undefined
  /** Whether something can be its result. */
  readonly fits: (result: unknown) => Promise<boolean>
  readonly settings: ModelSettings
  readonly maxSteps: number
  readonly limits: ModelLimits
  readonly retry: RetryPolicy
  /** Undefined where it is named after the model. */
  readonly dependency: string | undefined
  readonly streams: boolean
}

/**
 * The loop: ask the model, call the tools that it asks for, ask again with their results, until it answers. All of
 * it in the scope of the execution, so the owner is the same from the first prompt to the last result.
 */
export async function runModelAgent<Input>(
  agent: ModelAgent<Input>,
  input: Input,
  execution: AgentExecution,
): Promise<unknown> {
  const { limits, retry, maxSteps } = agent
  const model = checkedModel(typeof agent.model === 'function' ? await agent.model() : agent.model)
  const tools =
    agent.sources.length === 0 && agent.named.length === 0
      ? agent.tools
      : await allTools(agent, execution)
  const prompted = agent.prompt(input)
  // What is there need not be waited for: that costs more than it does.
  const asked = isPromiseLike(prompted) ? await prompted : prompted
  const instructed = agent.instructions(input)
  const system = isPromiseLike(instructed) ? await instructed : instructed
  const thread = threadOf(execution)
  const messages: Message[] = [
    ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
    ...(thread === undefined ? [] : await earlierMessages(thread, limits)),
    userMessage(asked, model.specificationVersion),
  ]
  const mistakes = new Mistakes(limits.mistakes)
  const caller: StepCaller = {
    model,
    execution,
    limits,
    retry,
    dependency: agent.dependency ?? cut(`${model.provider}/${model.modelId}`, 200),
    events: new AnswerEvents(execution, agent.output === undefined),
    streams: agent.streams,
  }
  for (let step = 1; step <= maxSteps; step += 1) {
    const answer = await takeStep(caller, callOptions(agent, tools, messages, step))
    try {
      refuseUnfinished(answer)
    } catch (error) {
      throwLogged(error, execution, 'model failed')
    }
    messages.push({ role: 'assistant', content: answer.content })
    if (answer.requests.length > 0) {
      // Whoever takes over asks no more of this agent's steps.
      if (step === maxSteps && !handsOver(tools, answer.requests)) break
      const executor = { execution, tools, limits, mistakes }
      const results = await executeRequests(executor, answer.requests)
      if (results instanceof HandedOver) {
        // What does not fit fails the run, and is no answer of this agent's.
        if (thread !== undefined && (await agent.fits(results.output))) {
          await remember(thread, asked, wordsOf(results.output, 'text'))
        }
        return results.output
      }
      messages.push({ role: 'tool', content: results })
      continue
    }
    const result =
      agent.output === undefined
        ? { value: { text: answer.text } }
        : await structured(answer.text, agent.output.schema)
    if ('value' in result) {
      if (thread !== undefined) await remember(thread, asked, answer.text)
      return result.value
    }
    mistakes.count()
    messages.push(userMessage(result.mistake, model.specificationVersion))
  }
  throw new EngineError(
    'MODEL_STEP_LIMIT',
    `The agent "${execution.name}" did not come to an answer within ${maxSteps} steps.`,
  )
}

/** Those that everybody has, those that the registry knows, and those that the current user has. */
async function allTools(
  { tools, named, sources }: ModelAgent<never>,
  execution: AgentExecution,
): Promise<ModelTools> {
  const { agents } = RunningExecution.contextOf(execution)
  const found = named.map(({ tool, agent }) => suppliedAgent(tool, agents.get(agent)))
  const known = found.length === 0 ? tools : tools.and(found)
  if (sources.length === 0) return known
  return known
    .with(sources)
    .catch((error: unknown) => throwLogged(error, execution, 'tools cannot be had'))
}

/** What the user is told to be in the log is there. */
function throwLogged(error: unknown, execution: AgentExecution, message: string): never {
  if (hasReason(error)) {
    const { logger } = RunningExecution.contextOf(execution)
    logger?.warn({ err: error, agent: execution.name }, message)
  }
  throw error
}

/** Throws TypeError where no provider package made it. */
export function checkedModel(model: LanguageModel): LanguageModel {
  const given: unknown = model
  if (typeof given === 'object' && given !== null && 'specificationVersion' in given) {
    const version = given.specificationVersion
    if (version === 'v3' || version === 'v4') return model
    throw new TypeError(
      `Expected a model of the provider specification v3 or v4 (ai 6 or 7), got ${String(version)}`,
    )
  }
  throw new TypeError(
    `Expected \`model\` to be a model that a provider package made, got ${typeof given}`,
  )
}

function callOptions(
  { settings, providerTools, toolChoice, output }: ModelAgent<never>,
  tools: ModelTools,
  messages: readonly Message[],
  step: number,
): ModelCallOptions<FilePart> {
  const offered = [...tools.described(), ...providerTools]
  return {
    ...settings,
    // A copy: providers and test doubles keep what they were called with.
    prompt: [...messages],
    ...(offered.length === 0 ? {} : { tools: offered }),
    // A model that must call a tool would never come to an answer if it had to each time.
    ...(offered.length === 0 || toolChoice === undefined
      ? {}
      : { toolChoice: step === 1 || toolChoice.type === 'none' ? toolChoice : { type: 'auto' } }),
    ...(output === undefined
      ? {}
      : { responseFormat: { type: 'json', schema: output.jsonSchema } }),
  }
}
