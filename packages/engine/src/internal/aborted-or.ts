import type { Scope } from '@ringfence/context'
import type { WorkScope } from '../errors/failure.ts'
import { nextTurn } from './next-turn.ts'

/** Why a scope was aborted, if it was: then what its code threw is a consequence. Otherwise the error itself. */
export function abortedOr(scope: Scope, error: unknown, work: WorkScope): unknown {
  if (scope.lifecycle === 'closed') return error
  if (scope.aborted) return scope.reason
  work.failedItself = true
  return error
}

/**
 * What comes after its deadline, or after a cancel, has failed: the limit would be none otherwise (I9). Code that
 * never gave way has kept the timer of its deadline waiting; an overdue timer has its say first. Throws, or rejects with,
 * the reason; undefined where there is nothing to wait for.
 */
export function throwIfAborted(scope: Scope): Promise<void> | undefined {
  if (isOverdue(scope)) return letTimersGoFirst(scope)
  refuseAborted(scope)
  return undefined
}

async function letTimersGoFirst(scope: Scope): Promise<void> {
  for (let turn = 0; turn < 3 && isOverdue(scope); turn += 1) await nextTurn()
  refuseAborted(scope)
}

function refuseAborted(scope: Scope): void {
  if (scope.aborted) throw scope.reason
}

function isOverdue(scope: Scope): boolean {
  const { deadline } = scope
  return deadline !== undefined && Date.now() >= deadline && !scope.aborted
}
