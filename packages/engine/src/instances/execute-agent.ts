import { assertOwner, currentScope, own, type Scope } from '@ringfence/context'
import type { AgentDefinition } from '../agents/define-agent.ts'
import type { WorkScope } from '../errors/failure.ts'
import { parse } from '../internal/parse.ts'
import { abortedOr, throwIfAborted } from '../internal/aborted-or.ts'
import { cut } from '../internal/cut.ts'
import { askPerson } from '../approvals/ask-person.ts'
import type { AgentThread } from '../threads/run-thread.ts'
import type {
  AgentExecution,
  BudgetReservation,
  DelegateOptions,
  ExecutionBudget,
} from './agent-execution.ts'
import { callTool } from './call-tool.ts'
import { delegate } from './delegate.ts'
import { withContext, type ExecutionContext } from './execution-context.ts'
import { isPulled, pullAgent } from './pull-agent.ts'
import { recordUsage } from './record-usage.ts'
import { reserveBudget } from './reserve-budget.ts'

export interface ExecuteOptions {
  /** Milliseconds that the execution may take. */
  readonly deadlineMs: number
  /** Milliseconds that it may still take once it is told to stop. */
  readonly graceMs: number
  /** Aborting it aborts the execution. */
  readonly signal?: AbortSignal | undefined
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
  const { deadlineMs, graceMs, signal, roles, depth, work, callId } = options
  const guarded = { agent: definition.name, ...(callId === undefined ? {} : { callId }) }
  return currentScope().child(
    roles === undefined ? {} : { roles },
    {
      label: `agent ${definition.name}`,
      deadlineMs,
      closeBudgetMs: graceMs,
      onOrphan: context.orphans.listenerOf(guarded),
      ...(signal === undefined ? {} : { signal }),
    },
    async (scope) => {
      work.id = scope.id
      if (definition.dispose !== undefined)
        scope.defer((end) => disposeOf(definition, end, context))
      try {
        const output =
          definition.stages.length > 0
            ? await runStages(definition, input, context, depth)
            : await runBody(definition, input, createExecution(definition, scope, context, depth))
        await throwIfAborted(scope)
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

/** The object that the agent's code gets. Its functions work detached from it, and in its own scope only. */
function createExecution(
  { name }: AgentDefinition,
  scope: Scope,
  context: ExecutionContext,
  depth: number,
): AgentExecution {
  const { sink, agents, limits, redact } = context
  let step = 0

  function delegateTo(
    agent: AgentDefinition | string,
    input: unknown,
    { roles }: DelegateOptions = {},
  ): Promise<never> {
    return joined('a delegation', async () => {
      const definition = typeof agent === 'string' ? agents.get(agent) : agent
      // The overloads above say what comes out of the definition's own output schema.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      return delegate(definition, input, { context, caller: name, depth, roles }) as Promise<never>
    })
  }

  /**
   * Work that the scope waits for. It is checked first, and refused by rejecting. A failure that the agent does
   * not look at fails the agent, and never the process.
   */
  function joined<Result>(label: string, work: () => Promise<Result>): Promise<Result> {
    try {
      assertOwner(execution)
      const current = currentScope()
      if (current.lifecycle === 'open') return current.spawn(label, work)
      return observed(work())
    } catch (error) {
      return observed(Promise.reject<Result>(error))
    }
  }

  const thread = threadOf(context.thread, joined)
  const members: AgentExecution = withContext<AgentExecution>(
    {
      name,
      get signal() {
        return scope.signal
      },
      think: (text) =>
        joined('a thought', async () => {
          const thought = cut(redact(text), limits.textLength)
          step += 1
          const data = { text: thought, step }
          await sink.append({ type: 'agent_thinking', agent: name, data })
        }),
      text: (delta) =>
        joined('a piece of text', async () => {
          const data = { delta: cut(redact(delta), limits.textLength) }
          await sink.append({ type: 'agent_text', agent: name, data })
        }),
      progress: (fraction, message) => {
        assertOwner(execution)
        if (!(fraction >= 0 && fraction <= 1)) {
          throw new TypeError(`Expected a fraction from 0 to 1, got ${String(fraction)}`)
        }
        const shown = message === undefined ? undefined : cut(redact(message), 500)
        context.progress.report(name, fraction)
        const data = shown === undefined ? { fraction } : { fraction, message: shown }
        sink.show({ type: 'agent_progress', agent: name, data })
      },
      usage: (entry) => joined('usage', () => recordUsage(entry, name, context)),
      budget: Object.freeze<ExecutionBudget>({
        reserve: (estimate = {}) =>
          joined('a reservation', async () => {
            const held = await reserveBudget(estimate, name, context)
            return Object.freeze<BudgetReservation>({
              settle: (entry) => joined('a settlement', () => held.settle(entry)),
              release: () => joined('a release', () => held.release()),
            })
          }),
      }),
      call: (tool, input) =>
        joined('a tool call', async () => callTool(tool, input, name, context)),
      delegate: delegateTo,
      approve: ({ action, input }) =>
        joined('an approval', () => {
          const question = { callId: sink.nextCallId(), agent: name, tool: cut(action, 200), input }
          return askPerson(question, context)
        }),
      get thread() {
        assertOwner(execution)
        return thread
      },
    },
    context,
  )
  const execution: AgentExecution = own(Object.freeze(members), { scope: true })
  return execution
}

/** The run's thread, as long as the execution may do anything at all. */
function threadOf(
  thread: AgentThread | undefined,
  joined: <Result>(label: string, work: () => Promise<Result>) => Promise<Result>,
): AgentThread | undefined {
  if (thread === undefined) return undefined
  return Object.freeze<AgentThread>({
    threadId: thread.threadId,
    messages: (page) => joined('a look at the history', () => thread.messages(page)),
    append: (messages) => joined('a piece of history', () => thread.append(messages)),
  })
}

/** A promise whose rejection nobody has to look at. */
function observed<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => undefined)
  return promise
}
