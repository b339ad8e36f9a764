import type { Channel } from 'node:diagnostics_channel'
import type { ScopeState } from '../internal/scope-state.ts'
import { scopeId } from '../internal/violation.ts'
import type { ScopeMessage } from './channels.ts'

/** Tells subscribers of a scope. Called only where there are any. */
export function publishScope(channel: Channel, { cell, parent }: ScopeState): void {
  const message: ScopeMessage = {
    scopeId: scopeId(cell),
    label: cell.label,
    parentId: parent === undefined ? undefined : scopeId(parent.cell),
  }
  channel.publish(message)
}
