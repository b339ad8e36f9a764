import { inspectScopes, runOutside, type ScopeInspection } from '@ringfence/context'
import type { Call } from '../handler/route.ts'
import { Problem } from '../problems/problem.ts'
import { snapshotOf, type Snapshot } from './snapshot.ts'

/** Who may look: whoever has the role `admin`, and whom `authorize` does not refuse `inspect.read`, which was asked already. */
export function requireAdmin({ actor }: Call): void {
  if (!actor.roles.includes('admin')) throw new Problem('forbidden')
}

/** How to look, again and again. Owners have their names only where `authorize` is there and allows `inspect.owners`. */
export async function lookerFor({ core, actor }: Call): Promise<() => Promise<Snapshot>> {
  const { inspector, authorize } = core
  if (inspector === undefined) throw new Problem('route_not_found')
  const named = authorize !== undefined && (await authorize(actor, 'inspect.owners', {}))
  if (named) return async () => snapshotOf(core, (owner) => owner)
  return async () => {
    const owners = runOutside(() => [
      ...ownersOf(inspectScopes()),
      ...core.engine.loads().map(({ owner }) => owner),
    ])
    const pseudonyms = await inspector.pseudonyms(owners)
    // One that came in between has no name yet, and gets none.
    return snapshotOf(core, (owner) => pseudonyms.get(owner) ?? 'owner-new')
  }
}

function ownersOf(scopes: readonly ScopeInspection[]): string[] {
  return scopes.flatMap(({ owner, children }) => [owner, ...ownersOf(children)])
}
