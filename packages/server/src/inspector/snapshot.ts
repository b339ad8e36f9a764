import {
  inspect,
  inspectScopes,
  runOutside,
  type Inspection,
  type ScopeInspection,
} from '@ringfence/context'
import type { EngineHealth } from '@ringfence/engine'
import type { Core } from '../handler/core.ts'
import type { SeenViolation } from './violation-log.ts'

/** An open scope, as the inspector shows it. */
export interface ShownScope {
  readonly id: string
  readonly label: string
  /** A pseudonym that is the same all over one server, and another one elsewhere; or the owner, where that is allowed. */
  readonly owner: string
  readonly lifecycle: 'open' | 'closing'
  readonly ageMs: number
  readonly aborted: boolean
  readonly tasks: readonly string[]
  readonly cleanups: number
  readonly site?: string | undefined
  readonly children: readonly ShownScope[]
}

/** What is going on, at one moment. */
export interface Snapshot {
  readonly at: string
  readonly process: Omit<Inspection, 'heldScopes'>
  readonly engine: EngineHealth
  readonly open: { readonly requests: number; readonly streams: number; readonly sockets: number }
  readonly owners: readonly {
    readonly owner: string
    readonly running: number
    readonly queued: number
  }[]
  readonly violations: readonly SeenViolation[]
  readonly scopes: readonly ShownScope[]
  /** Open scopes that are not shown: there are too many. */
  readonly omitted: number
}

const mostRoots = 500

/** Reads it, for nobody: the whole process is looked at, and no value of anybody's. */
export function snapshotOf(core: Core, nameOf: (owner: string) => string): Snapshot {
  return runOutside(() => {
    const { heldScopes: _heldScopes, ...process } = inspect()
    const roots = inspectScopes()
    const shown = (scope: ScopeInspection): ShownScope => {
      const { id, label, owner, lifecycle, ageMs, aborted, tasks, cleanups, site, children } = scope
      const named = { id, label, owner: nameOf(owner), lifecycle, ageMs: Math.round(ageMs) }
      return { ...named, aborted, tasks, cleanups, site, children: children.map(shown) }
    }
    return {
      at: new Date().toISOString(),
      process,
      engine: core.engine.health(),
      open: core.admission.open,
      owners: core.engine.loads().map((load) => ({ ...load, owner: nameOf(load.owner) })),
      violations: core.inspector?.violations.list() ?? [],
      scopes: roots.slice(0, mostRoots).map(shown),
      omitted: Math.max(0, roots.length - mostRoots),
    }
  })
}
