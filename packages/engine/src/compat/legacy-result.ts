import { describeFailure } from '../errors/failure.ts'
import type { Failure } from '../errors/failure.ts'
import type { RunRecord } from '../store/run-store.ts'

/** How an execution ended, in the shape that callers of the old engine branch on. */
export interface LegacyResult {
  /** True only for a run that completed: a failure is never one. */
  readonly success: boolean
  readonly agentName: string
  /** Absent where nothing was started. */
  readonly runId?: string | undefined
  /** What the agent returned; present where it succeeded. */
  readonly data?: unknown
  /** Present where it did not. */
  readonly error?: Failure | undefined
  /** Milliseconds from its start to its end; 0 where it never started. */
  readonly durationMs: number
  readonly metadata: { readonly status: RunRecord['status'] | 'refused' }
}

export function resultOf(record: RunRecord): LegacyResult {
  const { runId, agent, status, result, error, startedAt, endedAt } = record
  const ended = {
    agentName: agent,
    runId,
    durationMs:
      startedAt === undefined || endedAt === undefined
        ? 0
        : Date.parse(endedAt) - Date.parse(startedAt),
    metadata: { status },
  }
  if (status === 'completed') return { ...ended, success: true, data: result }
  const failure = error ?? { code: 'CANCELLED', message: 'The run was cancelled.' }
  return { ...ended, success: false, error: failure }
}

/** Nothing was started: an unknown agent, an input that does not fit, a queue that is full. */
export function refusalOf(agentName: string, error: unknown): LegacyResult {
  return {
    success: false,
    agentName,
    error: describeFailure(error),
    durationMs: 0,
    metadata: { status: 'refused' },
  }
}
