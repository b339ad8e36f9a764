import { assertOwner } from '@ringfence/context'
import { AgentError } from '../errors/agent-error.ts'
import { EngineError } from '../errors/engine-error.ts'
import { describeFailure } from '../errors/failure.ts'
import type { AgentExecution } from '../instances/agent-execution.ts'
import { callTool } from '../instances/call-tool.ts'
import { RunningExecution } from '../instances/running-execution.ts'
import { cut } from '../internal/cut.ts'
import { parsed, type ToolRequest } from './answer.ts'
import type { JsonValue, ToolOutput, ToolResultPart } from './language-model.ts'
import type { Mistakes } from './mistakes.ts'
import type { ModelLimits } from './model-limits.ts'
import { isAgent, type ModelTools, type Supplied, type SuppliedAgent } from './model-tool.ts'

export interface RequestExecutor {
  readonly execution: AgentExecution
  readonly tools: ModelTools
  readonly limits: ModelLimits
  readonly mistakes: Mistakes
}

/** Failures that are the run's, not the call's: no model can do anything about them. */
const runFailures = new Set([
  'BUDGET_EXCEEDED',
  'CANCELLED',
  // Told of it, each model of the circle would try again, and have all that comes after it try again.
  'DELEGATION_TOO_DEEP',
  'RUN_DEADLINE',
  'RUN_ENDED',
  'STORE_TIMEOUT',
  'STORE_UNAVAILABLE',
  'TOO_MANY_ORPHANS',
])

/**
 * Calls the tools that the model asks for, some at once, and answers each request in the order in which it was
 * made. A call that fails is an answer, too. Throws what ends the execution.
 */
export async function executeRequests(
  executor: RequestExecutor,
  requests: readonly ToolRequest[],
): Promise<ToolResultPart[] | HandedOver> {
  const [only] = requests
  if (handsOver(executor.tools, requests)) {
    return only === undefined || requests.length > 1
      ? notAlone(executor, requests)
      : handOver(executor, only)
  }
  if (only !== undefined && requests.length === 1)
    return [await answer(executor, only, alone(executor))]
  const results: ToolResultPart[] = []
  const { execution } = executor
  const queue = requests.entries()
  const work = async (): Promise<void> => {
    for (const [index, request] of queue) {
      results[index] = await answer(executor, request, (supplied, input) =>
        isAgent(supplied)
          ? delegated(execution, supplied, input)
          : execution.call(supplied.tool, input),
      )
    }
  }
  const atOnce = Math.min(executor.limits.parallelToolCalls, requests.length)
  await Promise.all(Array.from({ length: atOnce }, work))
  return results
}

/** Another agent has taken over: what it returned is the result. */
export class HandedOver {
  readonly output: unknown

  constructor(output: unknown) {
    this.output = output
  }
}

/** Whether a handoff is among what the model asks for. */
export function handsOver(tools: ModelTools, requests: readonly ToolRequest[]): boolean {
  return requests.some(({ toolName }) => tools.handsOver(toolName))
}

async function handOver(
  executor: RequestExecutor,
  request: ToolRequest,
): Promise<ToolResultPart[] | HandedOver> {
  let handedOver: HandedOver | undefined
  const told = await answer(executor, request, async (supplied, input) => {
    const output = await alone(executor)(supplied, input)
    handedOver = new HandedOver(output)
    return 'handed over'
  })
  return handedOver ?? [told]
}

/** Nobody would be told of what else a step does that hands over: nothing of it is done. */
function notAlone(
  { mistakes, tools }: RequestExecutor,
  requests: readonly ToolRequest[],
): ToolResultPart[] {
  mistakes.count()
  const names = requests.map(({ toolName }) => toolName).filter((name) => tools.handsOver(name))
  const value = `"${names[0] ?? ''}" takes over and has to be the only call of a step. Nothing was called.`
  return requests.map(({ toolCallId, toolName }) => ({
    type: 'tool-result',
    toolCallId,
    toolName,
    output: { type: 'error-text', value },
  }))
}

type Call = (supplied: Supplied, input: unknown) => Promise<unknown>

/** As the execution's own `call` does, without a task of its own: nothing else goes on that could end before it. */
function alone({ execution }: RequestExecutor): Call {
  return (supplied, input) =>
    isAgent(supplied)
      ? delegated(execution, supplied, input)
      : callTool(
          supplied.tool,
          input,
          assertOwner(execution).name,
          RunningExecution.contextOf(execution),
        )
}

function delegated(
  execution: AgentExecution,
  { agent, tool: { roles } }: SuppliedAgent,
  input: unknown,
): Promise<unknown> {
  return execution.delegate(agent, input, roles === undefined ? {} : { roles })
}

async function answer(
  executor: RequestExecutor,
  request: ToolRequest,
  call: Call,
): Promise<ToolResultPart> {
  const { execution, tools, limits, mistakes } = executor
  const { toolCallId, toolName, input } = request
  const tool = tools.get(toolName)
  if (tool === undefined) {
    const names = tools.names.join(', ')
    return mistaken(`There is no tool "${toolName}". There are: ${names === '' ? 'none' : names}.`)
  }
  const given = parsed(input)
  if (given === undefined) {
    return mistaken(`The arguments of the tool "${toolName}" are no JSON. Call it again with JSON.`)
  }
  try {
    return resulting(shown(await call(tool, given), limits.resultCharacters))
  } catch (error) {
    if (execution.signal.aborted) throw execution.signal.reason
    if (!EngineError.is(error) && !AgentError.is(error)) throw error
    if (runFailures.has(error.code)) throw error
    if (error.code === 'INVALID_INPUT') return mistaken(error.message)
    const { code, message } = describeFailure(error)
    if (code === 'APPROVAL_DENIED') return resulting({ type: 'execution-denied', reason: message })
    return failed(`${code}: ${message}`)
  }

  function mistaken(message: string): ToolResultPart {
    mistakes.count()
    return failed(message)
  }

  function failed(message: string): ToolResultPart {
    return resulting({ type: 'error-text', value: cut(message, limits.resultCharacters) })
  }

  function resulting(output: ToolOutput): ToolResultPart {
    return { type: 'tool-result', toolCallId, toolName, output }
  }
}

/** A tool's result as the model is shown it. */
function shown(result: unknown, longest: number): ToolOutput {
  if (typeof result === 'string') return { type: 'text', value: cut(result, longest) }
  let written: string
  try {
    written = JSON.stringify(result ?? null)
  } catch {
    return { type: 'error-text', value: 'INVALID_OUTPUT: The result cannot be written as JSON.' }
  }
  if (written.length > longest) return { type: 'text', value: cut(written, longest) }
  // A copy: what the tool does to its result later is none of the model's business.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { type: 'json', value: JSON.parse(written) as JsonValue }
}
