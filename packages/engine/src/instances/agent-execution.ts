import type { AgentDefinition } from '../agents/define-agent.ts'
import type { ToolDefinition } from '../agents/define-tool.ts'
import type { AgentThread } from '../threads/run-thread.ts'
import type { UsageEntry } from '../ledger/usage-entry.ts'

/** What a person is asked. */
export interface ApprovalQuestion {
  /** What is to be done, in a few words: up to 200 characters. */
  readonly action: string
  /** With what. It is shown shortened, and hashed whole. */
  readonly input?: unknown
}

/** How a delegation differs from its caller: it can only be narrower. */
export interface DelegateOptions {
  /** Some of the caller's roles. Default: all of them. */
  readonly roles?: readonly string[]
}

/** What is set aside for a step of the agent's own, until it is settled. */
export interface BudgetReservation {
  /** Gives it back and charges what was used instead, as `usage` does. The first call counts. */
  settle(entry: UsageEntry): Promise<void>
  /** Gives it back: nothing was used. */
  release(): Promise<void>
}

/** The way to stay within a budget where the agent itself calls what costs. */
export interface ExecutionBudget {
  /**
   * Sets aside what a step is expected to use, at most. Rejects with `BUDGET_EXCEEDED` where that is not left,
   * and with `UNPRICED_MODEL` where there is a budget for cost and the model has no price. What is not settled
   * when the run ends is charged as it stands.
   */
  reserve(estimate?: UsageEntry): Promise<BudgetReservation>
}

/**
 * What an agent's code can do while it runs: tell, call, delegate. Belongs to the scope of its execution;
 * afterwards, and elsewhere, every member throws `SCOPE_CLOSED`, `CROSS_OWNER` or `SCOPE_LOST`. So does a tool or a step
 * that was given up and still runs: it can no longer emit anything.
 *
 * What is started here and not awaited is waited for before the execution ends; if it fails and nobody has
 * looked at it, so does the execution. There may not be more of it than the limit `pendingCharacters`: then whatever is
 * begun throws `TOO_MUCH_PENDING`, and the execution ends with it.
 */
export interface AgentExecution {
  /** The agent's own name. */
  readonly name: string
  /** Aborts when the run is cancelled, its deadline passes, or the execution ends. */
  readonly signal: AbortSignal

  /** Emits `agent_thinking`. Resolves as `text` does. */
  think(text: string): Promise<void>

  /**
   * Emits `agent_text`. Resolves when it is stored; with a store that batches text, also when it is taken into a batch.
   * Where that cannot be stored, whatever the agent says or begins next rejects, and the run fails.
   */
  text(delta: string): Promise<void>

  /**
   * Emits `agent_custom`: something of the agent's own for its user, a chart or a list of places, that is neither text nor
   * result. A copy as JSON carries it; null for undefined. Resolves when it is stored. Rejects with TypeError for a name
   * that is none (1 to 64 letters, digits, `_`, `-` or `.`), `INVALID_OUTPUT` for what JSON cannot carry, and
   * `RESULT_TOO_LARGE` beyond the engine's `customBytes`.
   */
  custom(name: string, value?: unknown): Promise<void>

  /** Shows how far the agent has come, 0 to 1, to whoever watches. Transient: not stored, not replayed. */
  progress(fraction: number, message?: string): void

  /**
   * Asks a person before something is done that is no tool of its own. Resolves when they have said yes, once and
   * to this input. Rejects with `APPROVAL_DENIED`, `APPROVAL_EXPIRED`, `APPROVAL_LIMIT`, `APPROVAL_UNAVAILABLE` (outside a
   * run), and `INVALID_INPUT` where the input is no plain data.
   */
  approve(question: ApprovalQuestion): Promise<void>

  /** The conversation that the run belongs to; undefined where it belongs to none, and outside a run. */
  readonly thread: AgentThread | undefined

  /**
   * Charges to the run's owner what the agent used, and emits `usage_recorded`. Charged also where the run is
   * ending. It never refuses: what was used was used, and the next step is. Rejects with TypeError for a bad entry.
   */
  usage(entry: UsageEntry): Promise<void>

  /** Sets something aside before it is used, so that concurrent steps cannot use it twice. */
  readonly budget: ExecutionBudget

  /**
   * Calls a tool in a child scope with the tool's deadline. Rejects with `INVALID_INPUT`, `INVALID_OUTPUT`,
   * `TOOL_DEADLINE`, `TOOL_FAILED`, `APPROVAL_DENIED`, `APPROVAL_EXPIRED`, `BUDGET_EXCEEDED`, or with what the tool threw
   * as an AgentError.
   */
  call<Input, Output>(tool: ToolDefinition<Input, Output>, input: NoInfer<Input>): Promise<Output>

  /**
   * Lets another agent do a part, in a narrowed child scope with that agent's deadline. Rejects with
   * `UNKNOWN_AGENT`, `INVALID_INPUT`, `INVALID_OUTPUT`, `STEP_DEADLINE`, `DELEGATION_TOO_DEEP`, `BUDGET_EXCEEDED`, or with what
   * the other agent failed with.
   */
  delegate<Input, Output>(
    agent: AgentDefinition<Input, Output>,
    input: NoInfer<Input>,
    options?: DelegateOptions,
  ): Promise<Output>
  delegate(agent: string, input: unknown, options?: DelegateOptions): Promise<unknown>
}
