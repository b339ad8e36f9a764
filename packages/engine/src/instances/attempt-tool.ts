import { currentScope } from '@ringfence/context'
import type { ToolDefinition } from '../agents/define-tool.ts'
import { hasReason } from '../errors/engine-error.ts'
import { failureOf, newWorkScope } from '../errors/failure.ts'
import { abortedOr, throwIfAborted } from '../internal/aborted-or.ts'
import { parse } from '../internal/parse.ts'
import type { ExecutionContext } from './execution-context.ts'
import { limitOutput } from './limit-output.ts'
import { RunningToolCall } from './running-tool-call.ts'

export interface ToolAttempt {
  /** The agent that calls. */
  readonly agent: string
  readonly callId: string
  readonly timeoutMs: number
  /** Counts from 1. */
  readonly number: number
}

/**
 * Runs a tool once, in a child of the current scope. The attempt is raced against its deadline: a tool that ignores
 * its signal cannot hold the agent. It is fenced, reported as an orphan, and charged until it ends.
 */
export async function attemptTool<Input, Output>(
  tool: ToolDefinition<Input, Output>,
  parsed: unknown,
  attempt: ToolAttempt,
  context: ExecutionContext,
): Promise<Output> {
  const { name } = tool
  const { limits, logger, orphans, slot } = context
  const { agent, callId, timeoutMs } = attempt
  const work = newWorkScope()
  const call = (): Promise<Output> =>
    currentScope().child(
      {},
      {
        label: `tool ${name}`,
        deadlineMs: timeoutMs,
        closeBudgetMs: limits.abortGraceMs / 4,
        onOrphan: orphans.listenerOf({ agent, callId, tool: name }),
      },
      async (scope) => {
        work.id = scope.id
        try {
          const returned = await tool.run(parsed, new RunningToolCall(scope, attempt, context))
          const subject = `What the tool "${name}" returned`
          const limitBytes = limits.toolOutputBytes
          const output = limitOutput(returned, {
            limitBytes,
            oversize: tool.oversize ?? 'fail',
            subject,
          })
          const given = parse(tool.output, output, 'INVALID_OUTPUT', subject)
          const parsedOutput = given instanceof Promise ? await given : given
          const overdue = throwIfAborted(scope)
          if (overdue !== undefined) await overdue
          return parsedOutput
        } catch (error) {
          throw abortedOr(scope, error, work)
        }
      },
    )
  try {
    return await (slot === undefined ? call() : slot.work(currentScope, call))
  } catch (error) {
    const failure = failureOf(error, {
      subject: `The tool "${name}"`,
      scope: work,
      limitMs: timeoutMs,
      deadlineCode: 'TOOL_DEADLINE',
      failureCode: 'TOOL_FAILED',
    })
    if (failure !== error || hasReason(failure)) {
      logger?.warn(
        { err: error, tool: name, agent, attempt: attempt.number, scopeId: work.id },
        'tool failed',
      )
    }
    throw failure
  }
}
