import { assertOwner, own, type Scope } from '@ringfence/context'
import type { ToolCallContext } from '../agents/define-tool.ts'
import type { UsageEntry } from '../ledger/usage-entry.ts'
import type { ToolAttempt } from './attempt-tool.ts'
import type { ExecutionContext } from './execution-context.ts'
import { recordUsage } from './record-usage.ts'

/** What the tool's code gets besides its input: works in its own scope, and ends with it. */
export class RunningToolCall implements ToolCallContext {
  readonly callId: string
  readonly attempt: number
  readonly #scope: Scope
  readonly #agent: string
  readonly #context: ExecutionContext

  constructor(scope: Scope, { agent, callId, number }: ToolAttempt, context: ExecutionContext) {
    this.callId = callId
    this.attempt = number
    this.#scope = scope
    this.#agent = agent
    this.#context = context
    own(Object.freeze(this), { scope: true })
  }

  get signal(): AbortSignal {
    return this.#scope.signal
  }

  get idempotencyKey(): string {
    return `${this.#context.runKey()}:${this.callId}`
  }

  readonly usage = (entry: UsageEntry): Promise<void> => {
    return this.#context.pace.keep(this.#record(entry))
  }

  async #record(entry: UsageEntry): Promise<void> {
    assertOwner(this)
    await recordUsage(entry, this.#agent, this.#context)
  }
}
