import { runtime } from '../internal/runtime.ts'
import { partsOf, type PendingTask } from '../internal/scope-parts.ts'
import type { ScopeState } from '../internal/scope-state.ts'
import { scopeId } from '../internal/violation.ts'
import type { Orphan, OrphanListener } from './scope.ts'

/**
 * Counts work that the scope no longer waits for until it ends, and tells the listener, in no scope. What the
 * listener throws becomes part of how the scope's run ends.
 */
export function reportOrphan(
  state: ScopeState,
  { label, ended }: Pick<PendingTask, 'label' | 'ended'>,
): void {
  count(ended)
  if (state.onOrphan === undefined) return
  const orphan: Orphan = { label, scopeId: scopeId(state.cell), ended }
  try {
    tell(state.onOrphan, orphan)
  } catch (error) {
    const parts = partsOf(state)
    parts.failures ??= []
    parts.failures.push({ task: { observed: false }, error })
  }
}

function count(ended: Promise<void>): void {
  const process = runtime()
  process.orphans += 1
  const forget = (): void => {
    process.orphans -= 1
  }
  void ended.then(forget, forget)
}

function tell(listener: OrphanListener, orphan: Orphan): void {
  const outside = { cell: undefined, work: undefined, variables: undefined }
  runtime().storage.run(outside, listener, orphan)
}
