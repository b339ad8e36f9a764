import { currentScope } from '@ringfence/context'
import type { ToolDefinition } from '../agents/define-tool.ts'
import { EngineError } from '../errors/engine-error.ts'
import { failureOf, newWorkScope } from '../errors/failure.ts'
import type { ExecutionContext } from '../instances/execution-context.ts'
import { copyInput } from '../internal/copy-input.ts'
import { inTime } from '../internal/in-time.ts'
import type { ApprovalQuestion } from './run-approvals.ts'

/**
 * What the tool may be called with. Where a person has to approve it, that is a copy that nobody else holds, so that
 * what was approved is what is done.
 */
export async function approvedInput(
  tool: ToolDefinition,
  parsed: unknown,
  callId: string,
  agent: string,
  context: ExecutionContext,
): Promise<unknown> {
  if (tool.approval === undefined) return parsed
  const { copy } = copyInput(parsed, `The input of tool "${tool.name}"`)
  // Anything but a clear no is a yes: who does not know has to ask.
  const timeoutMs = tool.timeoutMs ?? context.limits.toolMs
  if ((await needsApproval(tool, copy, timeoutMs)) === false) return copy
  await askPerson({ callId, agent, tool: tool.name, input: copy }, context)
  return copy
}

/** Asks in the current scope, and ends with it. Fails closed where there is nobody to ask. */
export async function askPerson(
  question: ApprovalQuestion,
  { approvals }: ExecutionContext,
): Promise<void> {
  if (approvals === undefined) {
    throw new EngineError(
      'APPROVAL_UNAVAILABLE',
      `"${question.tool}" has to be approved, and there is nobody to ask outside a run. Start one.`,
    )
  }
  const { copy } = copyInput(question.input, `What "${question.tool}" is to be approved for`)
  const { signal, deadline } = currentScope()
  return approvals.ask({ ...question, input: copy }, { signal, deadline })
}

async function needsApproval(
  { name, approval }: ToolDefinition,
  input: unknown,
  timeoutMs: number,
): Promise<unknown> {
  try {
    const asked = Promise.resolve(approval?.(input))
    const undone = `Whether the tool "${name}" has to be approved was not decided`
    return await inTime(asked, timeoutMs, { code: 'TOOL_DEADLINE', undone })
  } catch (error) {
    throw failureOf(error, {
      subject: `The tool "${name}"`,
      scope: newWorkScope(),
      limitMs: 0,
      deadlineCode: 'TOOL_DEADLINE',
      failureCode: 'TOOL_FAILED',
    })
  }
}
