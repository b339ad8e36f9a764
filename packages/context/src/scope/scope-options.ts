import {
  checkDuration,
  checkOptions,
  checkOptionalFunction,
  checkSignal,
  checkString,
  wrongArgument,
  type OptionNames,
} from '../internal/argument.ts'
import type { ScopeOptions } from './scope.ts'

const of = "a scope's options"
const names: OptionNames<ScopeOptions> = {
  label: true,
  deadlineMs: true,
  signal: true,
  closeBudgetMs: true,
  cleanupBudgetMs: true,
  unfinished: true,
  onOrphan: true,
}
const policies: readonly unknown[] = [
  'wait',
  'abort',
  'report',
] satisfies ScopeOptions['unfinished'][]

/** Every check comes before there is a scope to undo. Throws `INVALID_ARGUMENT`. */
export function checkScopeOptions(options: ScopeOptions): void {
  checkOptions('run(), child() or detach()', 'options', options, names)
  const { label, signal, unfinished, onOrphan, deadlineMs, closeBudgetMs, cleanupBudgetMs } =
    options
  if (label !== undefined) checkString(of, 'label', label)
  // Each by its name: what is read by a name out of a list is read slowly, and every scope comes through here.
  if (deadlineMs !== undefined) checkDuration(of, 'deadlineMs', deadlineMs)
  if (closeBudgetMs !== undefined) checkDuration(of, 'closeBudgetMs', closeBudgetMs)
  if (cleanupBudgetMs !== undefined) checkDuration(of, 'cleanupBudgetMs', cleanupBudgetMs)
  if (signal !== undefined) checkSignal(of, 'signal', signal)
  if (unfinished !== undefined && !policies.includes(unfinished)) {
    throw wrongArgument(of, 'unfinished', "'wait', 'abort' or 'report'", 'something else')
  }
  checkOptionalFunction(of, 'onOrphan', onOrphan)
}
