import {
  checkDuration,
  checkObject,
  checkOptionalFunction,
  checkSignal,
  checkString,
  wrongArgument,
} from '../internal/argument.ts'
import type { ScopeOptions } from './scope.ts'

const of = "a scope's options"
const durations = ['deadlineMs', 'closeBudgetMs', 'cleanupBudgetMs'] as const
const policies: readonly unknown[] = [
  'wait',
  'abort',
  'report',
] satisfies ScopeOptions['unfinished'][]

/** Every check comes before there is a scope to undo. Throws `INVALID_ARGUMENT`. */
export function checkScopeOptions(options: ScopeOptions): void {
  checkObject('run(), child() or detach()', 'options', options)
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
