import type { Scope } from '@ringfence/context'
import type { WorkScope } from '../errors/failure.ts'

/** Why a scope was aborted, if it was: then what its code threw is a consequence. Otherwise the error itself. */
export function abortedOr(scope: Scope, error: unknown, work: WorkScope): unknown {
  if (scope.lifecycle === 'closed') return error
  const { signal } = scope
  if (signal.aborted) return signal.reason
  work.failedItself = true
  return error
}

/**
 * What comes after its deadline, or after a cancel, has failed: the limit would be none otherwise (I9). Code that
 * never gave way has kept the timer of its deadline waiting; an overdue timer has its say first.
 */
export async function throwIfAborted(scope: Scope): Promise<void> {
  const { signal, deadline } = scope
  for (let turn = 0; turn < 3 && isOverdue(signal, deadline); turn += 1) await nextTurn()
  signal.throwIfAborted()
}

function isOverdue(signal: AbortSignal, deadline: number | undefined): boolean {
  return !signal.aborted && deadline !== undefined && Date.now() >= deadline
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 1)
  })
}
