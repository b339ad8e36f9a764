import { currentScope } from '@ringfence/context'
import { assertDefinition, type AgentDefinition } from '../agents/define-agent.ts'
import { EngineError } from '../errors/engine-error.ts'
import { describeFailure, failureOf, newWorkScope } from '../errors/failure.ts'
import { inTime } from '../internal/in-time.ts'
import { parse } from '../internal/parse.ts'
import { quoted } from '../internal/quoted.ts'
import { executeAgent } from './execute-agent.ts'
import type { ExecutionContext } from './execution-context.ts'

export interface Delegation {
  readonly context: ExecutionContext
  /** The agent that delegates. */
  readonly caller: string
  /** How many delegations lead to the caller. */
  readonly depth: number
  readonly roles?: readonly string[] | undefined
  /** True where the input came out of the agent's own input schema already. */
  readonly parsed?: boolean
}

/** Lets another agent do a part of a run, and tells of its beginning and its end. */
export async function delegate(
  definition: AgentDefinition,
  input: unknown,
  delegation: Delegation,
): Promise<unknown> {
  assertDefinition(definition)
  const { context, caller, depth, roles } = delegation
  if (roles !== undefined) refuseWiderRoles(roles, caller, definition.name)
  const { sink, limits, now } = context
  if (depth >= limits.delegationDepth) {
    throw new EngineError(
      'DELEGATION_TOO_DEEP',
      `The agent "${caller}" cannot delegate to "${definition.name}": ${depth} delegations lead to it, ` +
        'and that is the limit. Look for agents that delegate to each other in a circle.',
    )
  }
  if (context.account.limited) await context.account.check(definition.name)
  const callId = sink.nextCallId()
  const since = now()
  await sink.append({
    type: 'subagent_started',
    agent: caller,
    data: { callId, agent: definition.name },
  })
  try {
    const output = await runPart(definition, input, delegation, callId)
    await sink.append({
      type: 'subagent_completed',
      agent: caller,
      data: { callId, agent: definition.name, ok: true, durationMs: now() - since },
    })
    return output
  } catch (error) {
    const data = {
      callId,
      agent: definition.name,
      ok: false,
      error: describeFailure(error, context.runScope.id, context.redact),
      durationMs: now() - since,
    }
    // A run that has ended meanwhile has closed this call in its journal already.
    await sink.append({ type: 'subagent_completed', agent: caller, data })?.catch(() => undefined)
    throw error
  }
}

async function runPart(
  definition: AgentDefinition,
  input: unknown,
  { context, depth, roles, parsed = false }: Delegation,
  callId: string,
): Promise<unknown> {
  const { limits, logger, orphans } = context
  const { name } = definition
  const deadlineMs = definition.limits.stepMs ?? limits.stepMs
  const work = newWorkScope()
  const subject = `The input of agent "${name}"`
  try {
    orphans.admit()
    return await executeAgent(
      definition,
      parsed
        ? input
        : await inTime(parse(definition.input, input, 'INVALID_INPUT', subject), deadlineMs, {
            code: 'STEP_DEADLINE',
            undone: `${subject} was not checked`,
          }),
      context,
      {
        deadlineMs,
        graceMs: limits.abortGraceMs / 2,
        roles,
        depth: depth + 1,
        work,
        callId,
      },
    )
  } catch (error) {
    const failure = failureOf(error, {
      subject: `The agent "${name}"`,
      scope: work,
      limitMs: deadlineMs,
      deadlineCode: 'STEP_DEADLINE',
      failureCode: 'AGENT_FAILED',
    })
    if (failure !== error) {
      logger?.warn({ err: error, agent: name, scopeId: work.id }, 'agent failed')
    }
    throw failure
  }
}

/** Whoever wrote the caller has to mend it: the other agent has not begun. */
function refuseWiderRoles(roles: readonly string[], caller: string, agent: string): void {
  const given: unknown = roles
  const has = currentScope().context.roles
  const wider = Array.isArray(given) ? given.find((role) => !has.includes(role)) : given
  if (Array.isArray(given) && wider === undefined) return
  throw new TypeError(
    `The agent "${caller}" cannot delegate to "${agent}" with the role ${quoted(String(wider))}: it has ` +
      `${has.length === 0 ? 'none' : has.map(quoted).join(', ')} itself, and \`roles\` is a list of some of these.`,
  )
}
