import { assertOwner } from '@ringfence/context'
import type { ToolDefinition } from '../agents/define-tool.ts'
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
import type { ModelTools } from './model-tool.ts'

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
): Promise<ToolResultPart[]> {
  const [only] = requests
  if (only !== undefined && requests.length === 1)
    return [await answer(executor, only, alone(executor))]
  const results: ToolResultPart[] = []
  const { execution } = executor
  const queue = requests.entries()
  const work = async (): Promise<void> => {
    for (const [index, request] of queue) {
      results[index] = await answer(executor, request, (tool, input) => execution.call(tool, input))
    }
  }
  const atOnce = Math.min(executor.limits.parallelToolCalls, requests.length)
  await Promise.all(Array.from({ length: atOnce }, work))
  return results
}

type CallTool = (tool: ToolDefinition, input: unknown) => Promise<unknown>

/** As the execution's own `call` does, without a task of its own: nothing else goes on that could end before it. */
function alone({ execution }: RequestExecutor): CallTool {
  return (tool, input) =>
    callTool(tool, input, assertOwner(execution).name, RunningExecution.contextOf(execution))
}

async function answer(
  executor: RequestExecutor,
  request: ToolRequest,
  call: CallTool,
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
