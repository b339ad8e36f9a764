import { currentScope, runOutside, type Scope } from '@ringfence/context'
import type { AgentDefinition } from '../agents/define-agent.ts'
import type { WorkScope } from '../errors/failure.ts'
import { parse } from '../internal/parse.ts'
import { abortedOr, throwIfAborted } from '../internal/aborted-or.ts'
import type { AgentExecution } from './agent-execution.ts'
import { delegate } from './delegate.ts'
import type { ExecutionContext } from './execution-context.ts'
import { isPulled, pullAgent } from './pull-agent.ts'
import { RunningExecution } from './running-execution.ts'

/** What can be aborted from outside: cheaper than a signal, which every scope would have to follow. */
export interface Stoppable {
  readonly abortion: { readonly reason: unknown } | undefined
  onAbort(listener: (reason: unknown) => void): () => void
}

export interface ExecuteOptions {
  /** Milliseconds that the execution may take. */
  readonly deadlineMs: number
  /** Milliseconds that it may still take once it is told to stop. */
  readonly graceMs: number
  /** Whose abort aborts the execution. */
  readonly stop?: Stoppable | undefined
  readonly roles?: readonly string[] | undefined
  /** How many delegations lead here. */
  readonly depth: number
  /** Told of the scope that the agent runs in. */
  readonly work: WorkScope
  /** The delegation that this is. */
  readonly callId?: string
}

/** Runs a definition on parsed input, in a child of the current scope. Resolves with its parsed output. */
export async function executeAgent(
  definition: AgentDefinition,
  input: unknown,
  context: ExecutionContext,
  options: ExecuteOptions,
): Promise<unknown> {
  const { stop } = options
  if (stop === undefined) return executeInside(definition, input, context, options, undefined)
  if (stop.abortion !== undefined) throw stop.abortion.reason
  const opened: OpenedScope = { scope: undefined }
  const forget = stop.onAbort((reason) => {
    const { scope } = opened
    // Whoever cancels may be in any scope.
    if (scope !== undefined && scope.lifecycle !== 'closed') runOutside(() => scope.abort(reason))
  })
  try {
    return await executeInside(definition, input, context, options, opened)
  } finally {
    forget()
  }
}

interface OpenedScope {
  scope: Scope | undefined
}

function executeInside(
  definition: AgentDefinition,
  input: unknown,
  context: ExecutionContext,
  { deadlineMs, graceMs, roles, depth, work, callId }: ExecuteOptions,
  opened: OpenedScope | undefined,
): Promise<unknown> {
  const { name: agent, dispose } = definition
  return currentScope().child(
    roles === undefined ? {} : { roles },
    {
      label: `agent ${agent}`,
      deadlineMs,
      closeBudgetMs: graceMs,
      onOrphan: context.orphans.listenerOf(callId === undefined ? { agent } : { agent, callId }),
    },
    async (scope) => {
      work.id = scope.id
      if (opened !== undefined) opened.scope = scope
      if (dispose !== undefined) scope.defer((end) => disposeOf(definition, end, context))
      try {
        const output =
          definition.stages.length > 0
            ? await runStages(definition, input, context, depth)
            : await runBody(definition, input, new RunningExecution(agent, scope, context, depth))
        const overdue = throwIfAborted(scope)
        if (overdue !== undefined) await overdue
        return output
      } catch (error) {
        throw abortedOr(scope, error, work)
      }
    },
  )
}

/** Runs the agent's own `dispose`, once. How it ends changes nothing about how the execution ended. */
async function disposeOf(
  { name, dispose }: AgentDefinition,
  signal: AbortSignal,
  { metrics, logger }: ExecutionContext,
): Promise<void> {
  const since = metrics.clock()
  let failed = false
  try {
    await dispose?.({ name, signal })
  } catch (error) {
    failed = true
    logger?.error({ err: error, agent: name }, "an agent's dispose failed")
  }
  metrics.cleanedUpIn(metrics.clock() - since, failed)
}

async function runBody(
  { name, run, output }: AgentDefinition,
  input: unknown,
  execution: AgentExecution,
): Promise<unknown> {
  const given = await run(input, execution)
  const returned = isPulled(given) ? await pullAgent(given, execution) : given
  return parse(output, returned, 'INVALID_OUTPUT', `What the agent "${name}" returned`)
}

/** Each stage checks its own output; its input is what the stage before it returned. */
async function runStages(
  definition: AgentDefinition,
  input: unknown,
  context: ExecutionContext,
  depth: number,
): Promise<unknown> {
  let value = input
  let parsed = true
  for (const stage of definition.stages) {
    value = await delegate(stage, value, { context, caller: definition.name, depth, parsed })
    parsed = false
  }
  return value
}
