import { assertOwner, currentScope, own, type Scope } from '@ringfence/context'
import type { AgentDefinition } from '../agents/define-agent.ts'
import type { ToolDefinition } from '../agents/define-tool.ts'
import type { AgentCustom } from '../events/agent-event.ts'
import { askPerson } from '../approvals/ask-person.ts'
import { checkedName } from '../internal/checked-name.ts'
import { checkedObject } from '../internal/checked-option.ts'
import { cut } from '../internal/cut.ts'
import { toJson } from '../internal/to-json.ts'
import type { AgentThread } from '../threads/run-thread.ts'
import type { UsageEntry } from '../ledger/usage-entry.ts'
import type {
  AgentExecution,
  ApprovalQuestion,
  BudgetReservation,
  DelegateOptions,
  ExecutionBudget,
} from './agent-execution.ts'
import { callTool } from './call-tool.ts'
import { delegate } from './delegate.ts'
import type { ExecutionContext } from './execution-context.ts'
import { PendingWork } from './pending-work.ts'
import { recordUsage } from './record-usage.ts'
import { reserveBudget } from './reserve-budget.ts'

/**
 * The object that the agent's code gets. Its functions work detached from it, and in its own scope only.
 *
 * What looks at the scope is read through the class: an accessor in a literal makes each object one of a kind, and
 * whatever reads it slow.
 */
export class RunningExecution implements AgentExecution {
  readonly name: string
  readonly #scope: Scope
  readonly #context: ExecutionContext
  /** How many delegations lead here. */
  readonly #depth: number
  readonly #thread: AgentThread | undefined
  readonly #pending: PendingWork
  #steps = 0

  constructor(name: string, scope: Scope, context: ExecutionContext, depth: number) {
    this.name = name
    this.#scope = scope
    this.#context = context
    this.#depth = depth
    this.#pending = new PendingWork(name, context.limits.pendingCharacters, (error) => {
      if (scope.lifecycle === 'open') scope.abort(error)
    })
    this.#thread = threadOf(context.thread, this.#joined)
    own(Object.freeze(this), { scope: true })
  }

  /** The context of an execution. Throws TypeError for what the engine has not made. */
  static contextOf(execution: object): ExecutionContext {
    if (#context in execution) return execution.#context
    throw new TypeError('Expected the execution that the engine made')
  }

  get signal(): AbortSignal {
    return this.#scope.signal
  }

  get thread(): AgentThread | undefined {
    assertOwner(this)
    return this.#thread
  }

  /** Made when it is asked for: few agents do. */
  get custom(): AgentExecution['custom'] {
    return (name, value) => this.#custom(name, value)
  }

  readonly think = (text: string): Promise<void> =>
    this.#joined(
      'a thought',
      async () => {
        const { sink, redact, limits } = this.#context
        const thought = cut(redact(text), limits.textLength)
        this.#steps += 1
        const data = { text: thought, step: this.#steps }
        await sink.append({ type: 'agent_thinking', agent: this.name, data })
      },
      text,
    )

  readonly text = (delta: string): Promise<void> =>
    this.#joined(
      'a piece of text',
      async () => {
        const { sink, redact, limits } = this.#context
        const data = { delta: cut(redact(delta), limits.textLength) }
        await sink.append({ type: 'agent_text', agent: this.name, data })
      },
      delta,
    )

  readonly progress = (fraction: number, message?: string): void => {
    assertOwner(this)
    if (typeof fraction !== 'number' || !(fraction >= 0 && fraction <= 1)) {
      throw new TypeError(`Expected a fraction from 0 to 1, got ${String(fraction)}`)
    }
    const { sink, redact, progress } = this.#context
    const shown = message === undefined ? undefined : cut(redact(message), 500)
    progress.report(this.name, fraction)
    const data = shown === undefined ? { fraction } : { fraction, message: shown }
    sink.show({ type: 'agent_progress', agent: this.name, data })
  }

  readonly usage = (entry: UsageEntry): Promise<void> =>
    this.#joined('usage', async () => recordUsage(entry, this.name, this.#context))

  readonly budget: ExecutionBudget = Object.freeze<ExecutionBudget>({
    reserve: (estimate = {}) =>
      this.#joined('a reservation', async () => {
        const held = await reserveBudget(estimate, this.name, this.#context)
        return Object.freeze<BudgetReservation>({
          settle: (entry) => this.#joined('a settlement', () => held.settle(entry)),
          release: () => this.#joined('a release', () => held.release()),
        })
      }),
  })

  readonly call = <Input, Output>(
    tool: ToolDefinition<Input, Output>,
    input: NoInfer<Input>,
  ): Promise<Output> =>
    this.#joined('a tool call', async () => callTool(tool, input, this.name, this.#context))

  readonly delegate = (
    agent: AgentDefinition | string,
    input: unknown,
    { roles }: DelegateOptions = {},
  ): Promise<never> =>
    this.#joined('a delegation', async () => {
      const context = this.#context
      const definition = typeof agent === 'string' ? context.agents.get(agent) : agent
      const delegation = { context, caller: this.name, depth: this.#depth, roles }
      // The overloads of AgentExecution say what comes out of the definition's own output schema.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      return delegate(definition, input, delegation) as Promise<never>
    })

  readonly approve = (asked: ApprovalQuestion): Promise<void> =>
    this.#joined('an approval', async () => {
      const { action, input } = checkedObject('the question', asked)
      const callId = this.#context.sink.nextCallId()
      const question = { callId, agent: this.name, tool: cut(action, 200), input }
      return askPerson(question, this.#context)
    })

  #custom(name: string, value: unknown): Promise<void> {
    const label = 'an event of its own'
    const { sink, limits } = this.#context
    let data: AgentCustom['data']
    try {
      // Now: what becomes of the value afterwards is another matter.
      const subject = `The value of "${checkedName('event', name)}"`
      data = { name, value: toJson(value, limits.customBytes, subject) }
    } catch (error) {
      return this.#joined(label, () => Promise.reject(error))
    }
    const tell = async (): Promise<void> => {
      await sink.append({ type: 'agent_custom', agent: this.name, data })
    }
    return this.#joined(label, tell, JSON.stringify(data.value))
  }

  /**
   * Work that the scope waits for. It is checked first, and refused by rejecting. A failure that the agent does
   * not look at fails the agent, and never the process. Where too much is going on it throws: a loop that waits for
   * nothing would not hear of a promise.
   */
  readonly #joined = <Result>(
    label: string,
    work: () => Promise<Result>,
    said?: unknown,
  ): Promise<Result> => {
    try {
      assertOwner(this)
    } catch (error) {
      return this.#refused(error)
    }
    const ended = this.#pending.begin(said)
    const counted = (): Promise<Result> => {
      const working = work()
      working.then(ended, ended)
      return this.#context.pace.keep(working)
    }
    try {
      const current = currentScope()
      if (current.lifecycle === 'open') return current.spawn(label, counted)
      return observed(counted())
    } catch (error) {
      ended()
      return this.#refused(error)
    }
  }

  #refused(reason: unknown): Promise<never> {
    return observed(this.#context.pace.keep(Promise.reject(reason)))
  }
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
