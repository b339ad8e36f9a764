import { assertOwner, currentScope, own, type Scope } from '@ringfence/context'
import type { AgentDefinition } from '../agents/define-agent.ts'
import { parse } from '../internal/parse.ts'
import { abortedOr } from '../internal/aborted-or.ts'
import type { AgentExecution, DelegateOptions } from './agent-execution.ts'
import { callTool } from './call-tool.ts'
import { delegate } from './delegate.ts'
import type { ExecutionContext } from './execution-context.ts'

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
  /** Hears of the scope before anything runs in it. */
  readonly onScope?: (scope: Scope) => void
}

/** Runs a definition on parsed input, in a child of the current scope. Resolves with its parsed output. */
export async function executeAgent(
  definition: AgentDefinition,
  input: unknown,
  context: ExecutionContext,
  options: ExecuteOptions,
): Promise<unknown> {
  const { deadlineMs, graceMs, signal, roles, depth, onScope } = options
  return currentScope().child(
    roles === undefined ? {} : { roles },
    {
      label: `agent ${definition.name}`,
      deadlineMs,
      closeBudgetMs: graceMs,
      onOrphan: context.onOrphan,
      ...(signal === undefined ? {} : { signal }),
    },
    async (scope) => {
      onScope?.(scope)
      try {
        if (definition.stages.length > 0) return await runStages(definition, input, context, depth)
        const output = await definition.run(
          input,
          createExecution(definition.name, scope, context, depth),
        )
        return await parse(
          definition.output,
          output,
          'INVALID_OUTPUT',
          `What the agent "${definition.name}" returned`,
        )
      } catch (error) {
        throw abortedOr(scope, error)
      }
    },
  )
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
  name: string,
  scope: Scope,
  context: ExecutionContext,
  depth: number,
): AgentExecution {
  const { sink, agents, limits } = context
  let step = 0

  function delegateTo(
    agent: AgentDefinition | string,
    input: unknown,
    { roles }: DelegateOptions = {},
  ): Promise<never> {
    assertOwner(execution)
    const definition = typeof agent === 'string' ? agents.get(agent) : agent
    // The overloads above say what comes out of the definition's own output schema.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return delegate(definition, input, { context, caller: name, depth, roles }) as Promise<never>
  }

  const execution: AgentExecution = own(
    Object.freeze<AgentExecution>({
      name,
      get signal() {
        return scope.signal
      },
      think: async (text) => {
        assertOwner(execution)
        step += 1
        const data = { text: cut(text, limits.textLength), step }
        await sink.append({ type: 'agent_thinking', agent: name, data })
      },
      text: async (delta) => {
        assertOwner(execution)
        const data = { delta: cut(delta, limits.textLength) }
        await sink.append({ type: 'agent_text', agent: name, data })
      },
      progress: (fraction, message) => {
        assertOwner(execution)
        if (!(fraction >= 0 && fraction <= 1)) {
          throw new TypeError(`Expected a fraction from 0 to 1, got ${String(fraction)}`)
        }
        const data = message === undefined ? { fraction } : { fraction, message: cut(message, 500) }
        sink.show({ type: 'agent_progress', agent: name, data })
      },
      call: async (tool, input) => {
        assertOwner(execution)
        return callTool(tool, input, name, context)
      },
      delegate: async (
        agent: AgentDefinition | string,
        input: unknown,
        options?: DelegateOptions,
      ) => delegateTo(agent, input, options),
    }),
    { scope: true },
  )
  return execution
}

function cut(text: string, longest: number): string {
  if (typeof text !== 'string') throw new TypeError(`Expected text, got ${typeof text}`)
  return text.length <= longest ? text : `${text.slice(0, longest)}… (${text.length} characters)`
}
