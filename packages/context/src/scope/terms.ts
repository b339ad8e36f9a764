import { captureSite } from '../internal/site.ts'
import { runtime, type Variables } from '../internal/runtime.ts'
import type { ScopeTerms } from '../internal/scope-parts.ts'
import { usualBudgetMs, type ScopeState } from '../internal/scope-state.ts'
import type { ScopeOptions } from './scope.ts'

const noOptions: ScopeOptions = Object.freeze({})

/** The terms of a new scope; undefined where they are the usual ones. The options were checked. */
export function termsFor(
  { cell, definition }: ScopeState,
  parent: ScopeState | undefined,
  options: ScopeOptions | undefined,
  variables: Variables | undefined,
): ScopeTerms | undefined {
  const inherited = parent?.terms
  const inherits = inherited?.deadline !== undefined || inherited?.onOrphan !== undefined
  if (options === undefined && variables === undefined && !inherits && !runtime().sites) {
    return undefined
  }
  const { label, closeBudgetMs, cleanupBudgetMs, unfinished, onOrphan } = options ?? noOptions
  return {
    label: label ?? definition.name,
    closeBudgetMs: closeBudgetMs ?? usualBudgetMs,
    cleanupBudgetMs: cleanupBudgetMs ?? usualBudgetMs,
    unfinished: unfinished ?? 'wait',
    onOrphan: onOrphan ?? inherited?.onOrphan,
    site: captureSite(),
    frame: variables === undefined ? undefined : { cell, work: undefined, variables },
    deadline: inherited?.deadline,
    stopDeadline: undefined,
    forgetSignal: undefined,
  }
}
