import { assertTool, type ToolDefinition } from '../agents/define-tool.ts'
import { approvedInput } from '../approvals/ask-person.ts'
import { describeFailure } from '../errors/failure.ts'
import type { EventDraft, ToolCompletedData } from '../events/agent-event.ts'
import { preview, resultTextLength } from '../events/preview.ts'
import { inTime } from '../internal/in-time.ts'
import { parse } from '../internal/parse.ts'
import { retrying } from '../retries/retrying.ts'
import { attemptTool, type ToolAttempt } from './attempt-tool.ts'
import type { ExecutionContext } from './execution-context.ts'

/**
 * Calls a tool, and tells of its beginning and its end. What it uses is set aside first. A tool that may be called
 * again is, where it failed as its dependency might not fail the next time.
 */
export async function callTool<Input, Output>(
  tool: ToolDefinition<Input, Output>,
  input: Input,
  agent: string,
  context: ExecutionContext,
): Promise<Output> {
  assertTool(tool)
  const { sink, limits, account, now, redact, progress, orphans, metrics } = context
  const { name, reserves, retry, expectedMs, timeoutMs = limits.toolMs } = tool
  const asked = account.hold(agent, {
    toolMs: timeoutMs * (retry?.attempts ?? 1),
    ...reserves,
    toolCalls: 1,
  })
  // What is there need not be waited for: that costs more than it does.
  const hold = asked instanceof Promise ? await asked : asked
  const callId = sink.nextCallId()
  let since = now()
  const ended = progress.tool({ agent, callId, tool: name, expectedMs })
  let attempts = 0

  const settle = (): Promise<void> | undefined => {
    ended()
    return hold.settle({ toolCalls: 1, toolMs: Math.max(0, Math.round(now() - since)) })
  }
  const completed = (outcome: Pick<ToolCompletedData, 'ok' | 'result' | 'error'>): EventDraft => ({
    type: 'tool_completed',
    agent,
    data: {
      callId,
      tool: name,
      ...outcome,
      durationMs: now() - since,
      ...(attempts > 1 ? { attempts } : {}),
    },
  })

  try {
    const told = sink.append({
      type: 'tool_executing',
      agent,
      data: { callId, tool: name, input: preview(input, { redact }) },
    })
    if (told !== undefined) await told
    const subject = `The input of tool "${name}"`
    const late = { code: 'TOOL_DEADLINE', undone: `${subject} was not checked` } as const
    const given = parse(tool.input, input, 'INVALID_INPUT', subject)
    const parsed = given instanceof Promise ? await inTime(given, timeoutMs, late) : given
    let approved: unknown = parsed
    if (tool.approval !== undefined) {
      approved = await approvedInput(tool, parsed, callId, agent, context)
      // A person's time is nobody's tool's.
      since = now()
    }
    const attempt: ToolAttempt = { agent, callId, timeoutMs, number: 1 }
    const output = await callAgain(tool, context, (number) => {
      attempts = number
      orphans.admit(name)
      return attemptTool(tool, approved, { ...attempt, number }, context)
    })
    const settled = settle()
    if (settled !== undefined) await settled
    const result = preview(output, { redact, longestText: resultTextLength })
    const ending = sink.append(completed({ ok: true, result }))
    if (ending !== undefined) await ending
    metrics.tools.add(now() - since, true)
    return output
  } catch (error) {
    metrics.tools.add(now() - since, false)
    await settle()
    const failure = describeFailure(error, context.runScope.id, redact)
    // A run that has ended meanwhile has closed this call in its journal already.
    await sink.append(completed({ ok: false, error: failure }))?.catch(() => undefined)
    throw error
  }
}

/** Through the circuit of what the tool depends on, as often as it may be called. */
function callAgain<Output>(
  { retry, dependency }: Pick<ToolDefinition, 'retry' | 'dependency'>,
  { circuits, random }: ExecutionContext,
  attempt: (number: number) => Promise<Output>,
): Promise<Output> {
  const guarded =
    dependency === undefined
      ? attempt
      : (number: number) => circuits.guard(dependency, () => attempt(number))
  return retry === undefined ? guarded(1) : retrying(guarded, { policy: retry, random })
}
