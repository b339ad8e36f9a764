import { EngineError } from '../errors/engine-error.ts'
import { preview } from '../events/preview.ts'
import type { EventSink } from '../instances/execution-context.ts'
import { canonicalHash } from '../internal/canonical-json.ts'
import type { ApprovalRecord, ApprovalResolution, ApprovalStore } from '../store/approval-store.ts'
import { waitForDecision } from './approval-wait.ts'

/** What a person is asked. */
export interface ApprovalQuestion {
  readonly callId: string
  /** The agent that asks. */
  readonly agent: string
  /** The tool that is to be called, or what the agent says that it is about to do. */
  readonly tool: string
  /** Plain data, and nobody else's: what is approved is what is done. */
  readonly input: unknown
}

/** The part of the asking scope that is needed. */
export interface AskingScope {
  readonly signal: AbortSignal
  readonly deadline: number | undefined
}

export interface RunApprovalsOptions {
  readonly runId: string
  readonly store: ApprovalStore
  readonly sink: EventSink
  /** Milliseconds that a person has. */
  readonly approvalMs: number
  readonly now: () => number
  /** Into the run's root scope, whoever asks. */
  readonly enter: <Result>(work: () => Result) => Result
  /** Gives the run's shared slot back while it waits for a person. Resolves when it has one again. */
  readonly idle: <Result>(wait: () => Promise<Result>) => Promise<Result>
}

/**
 * What a run asks a person. Each approval is for one call of this run with these arguments, is decided once, used
 * once, and expires. What becomes of it is stored in the run's root scope, whoever asked.
 */
export class RunApprovals {
  readonly #options: RunApprovalsOptions

  constructor(options: RunApprovalsOptions) {
    this.#options = options
  }

  /**
   * Asks, and waits for the answer. Resolves when it is yes, once. Rejects with `APPROVAL_DENIED`,
   * `APPROVAL_EXPIRED`, `APPROVAL_LIMIT`, `INVALID_INPUT` (the arguments are no plain data), and with the scope's
   * own end.
   */
  async ask(question: ApprovalQuestion, scope: AskingScope): Promise<void> {
    const { runId, store, sink, now, approvalMs, idle } = this.#options
    const { callId, agent, tool, input } = question
    const argumentsHash = await hashOf(tool, input)
    const approvalId = globalThis.crypto.randomUUID()
    const requestedAt = now()
    // Nobody can say yes to what its deadline has ended.
    const expiresAt = Math.min(requestedAt + approvalMs, scope.deadline ?? Infinity)
    const shown = preview(input)
    const expires = new Date(expiresAt).toISOString()
    await store.create({
      approvalId,
      runId,
      callId,
      agent,
      tool,
      input: shown,
      argumentsHash,
      requestedAt: new Date(requestedAt).toISOString(),
      expiresAt: expires,
    })
    let outcome: ApprovalResolution['outcome'] = 'cancelled'
    let record: ApprovalRecord | undefined
    try {
      const data = { approvalId, callId, tool, input: shown, expiresAt: expires }
      await sink.append({ type: 'approval_requested', agent, data })
      const wait = { approvalId, expiresAt, signal: scope.signal, store, now }
      record = await idle(() => waitForDecision(wait))
      outcome = outcomeOf(record)
      if (outcome === 'approved') {
        const call = { runId, callId, argumentsHash: await hashOf(tool, input) }
        if (!(await store.redeem(approvalId, call, new Date(now()).toISOString()))) {
          outcome = 'expired'
        }
      }
    } finally {
      await this.#settle(question, approvalId, outcome)
    }
    if (outcome === 'denied') throw denied(tool, record?.reason)
    if (outcome !== 'approved') throw expired(tool)
  }

  /** Whatever became of it: it is no longer pending, and its story has an end. */
  async #settle(
    { agent, callId }: ApprovalQuestion,
    approvalId: string,
    outcome: ApprovalResolution['outcome'],
  ): Promise<void> {
    const { sink, now, store, enter } = this.#options
    if (outcome === 'expired' || outcome === 'cancelled') {
      const at = new Date(now()).toISOString()
      await enter(() => store.resolve(approvalId, { outcome, at })).catch(() => undefined)
    }
    const told = sink.append({
      type: 'approval_resolved',
      agent,
      data: { approvalId, callId, outcome },
    })
    // A run that has ended meanwhile has closed this approval in its journal already.
    await (outcome === 'cancelled' ? told?.catch(() => undefined) : told)
  }
}

function outcomeOf(record: ApprovalRecord | undefined): ApprovalResolution['outcome'] {
  if (record?.status === 'approved' || record?.status === 'denied') return record.status
  return record?.status === 'cancelled' ? 'cancelled' : 'expired'
}

async function hashOf(tool: string, input: unknown): Promise<string> {
  try {
    return await canonicalHash({ tool, input })
  } catch (cause) {
    throw new EngineError(
      'INVALID_INPUT',
      `What "${tool}" is to be approved for is no plain data, so that nobody could say what was approved.`,
      { cause },
    )
  }
}

function denied(tool: string, reason: string | undefined): EngineError {
  const why = reason === undefined ? '' : ` ${reason}`
  return new EngineError('APPROVAL_DENIED', `"${tool}" was not approved.${why}`)
}

function expired(tool: string): EngineError {
  return new EngineError('APPROVAL_EXPIRED', `Nobody approved "${tool}" in time.`)
}
