import { currentScope } from '@ringfence/context'
import type { ToolDefinition } from '../agents/define-tool.ts'
import { approvedInput } from '../approvals/ask-person.ts'
import { describeFailure, failureOf, newWorkScope } from '../errors/failure.ts'
import { preview } from '../events/preview.ts'
import { abortedOr, throwIfAborted } from '../internal/aborted-or.ts'
import { parse } from '../internal/parse.ts'
import type { ExecutionContext } from './execution-context.ts'

/**
 * Calls a tool in a child of the current scope. The call is raced against its deadline: a tool that ignores
 * its signal cannot hold the agent. It is fenced, reported as an orphan, and charged until it ends.
 */
export async function callTool<Input, Output>(
  tool: ToolDefinition<Input, Output>,
  input: Input,
  agent: string,
  context: ExecutionContext,
): Promise<Output> {
  const { sink, limits, now } = context
  const callId = sink.nextCallId()
  let since = now()
  await sink.append({
    type: 'tool_executing',
    agent,
    data: { callId, tool: tool.name, input: preview(input) },
  })
  try {
    context.orphans.admit(tool.name)
    const output = await runTool(tool, input, context)
    await sink.append({
      type: 'tool_completed',
      agent,
      data: {
        callId,
        tool: tool.name,
        ok: true,
        result: preview(output),
        durationMs: now() - since,
      },
    })
    return output
  } catch (error) {
    const data = {
      callId,
      tool: tool.name,
      ok: false,
      error: describeFailure(error, context.runScope.id),
      durationMs: now() - since,
    }
    // A run that has ended meanwhile has closed this call in its journal already.
    await sink.append({ type: 'tool_completed', agent, data }).catch(() => undefined)
    throw error
  }

  async function runTool(
    { name, timeoutMs = limits.toolMs }: ToolDefinition<Input, Output>,
    rawInput: Input,
    { logger, orphans, slot }: ExecutionContext,
  ): Promise<Output> {
    const parsed = await parse(tool.input, rawInput, 'INVALID_INPUT', `The input of tool "${name}"`)
    const approved = await approvedInput(tool, parsed, callId, agent, context)
    // A person's time is nobody's tool's.
    if (tool.approval !== undefined) since = now()
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
            const output = await tool.run(approved, {
              get signal() {
                return scope.signal
              },
            })
            const parsedOutput = await parse(
              tool.output,
              output,
              'INVALID_OUTPUT',
              `What the tool "${name}" returned`,
            )
            await throwIfAborted(scope)
            return parsedOutput
          } catch (error) {
            throw abortedOr(scope, error, work)
          }
        },
      )
    try {
      return await (slot === undefined ? call() : slot.work(() => currentScope().signal, call))
    } catch (error) {
      const failure = failureOf(error, {
        subject: `The tool "${name}"`,
        scope: work,
        limitMs: timeoutMs,
        deadlineCode: 'TOOL_DEADLINE',
        failureCode: 'TOOL_FAILED',
      })
      if (failure !== error) {
        logger?.warn({ err: error, tool: name, agent, scopeId: work.id }, 'tool failed')
      }
      throw failure
    }
  }
}
