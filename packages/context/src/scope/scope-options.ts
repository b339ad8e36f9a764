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
const durations = ['deadlineMs', 'closeBudgetMs', 'cleanupBudgetMs'] as const
const policies: readonly unknown[] = [
  'wait',
  'abort',
  'report',
] satisfies ScopeOptions['unfinished'][]

/** Every check comes before there is a scope to undo. Throws `INVALID_ARGUMENT`. */
export function checkScopeOptions(options: ScopeOptions): void {
  checkOptions('run(), child() or detach()', 'options', options, names)
  const { label, signal, unfinished, onOrphan } = options
  if (label !== undefined) checkString(of, 'label', label)
  for (const name of durations) {
    if (options[name] !== undefined) checkDuration(of, name, options[name])
  }
  if (signal !== undefined) checkSignal(of, 'signal', signal)
  if (unfinished !== undefined && !policies.includes(unfinished)) {
    throw wrongArgument(of, 'unfinished', "'wait', 'abort' or 'report'", 'something else')
  }
  checkOptionalFunction(of, 'onOrphan', onOrphan)
}
