import { assertOwner, own } from '@ringfence/context'
import type { AgentInstanceFactory } from '../instances/agent-instance-factory.ts'
import { legacyFor } from './legacy-access.ts'

/**
 * The factory that every user used to share, bound to the current scope: kept, and used in another scope, it
 * throws `SCOPE_CLOSED` or `CROSS_OWNER`. So even while it only warns it cannot carry anything from one user to another.
 *
 * Works inside the `run` of `createLegacyAccess`. Throws `NO_SCOPE` outside a scope, and `DEPRECATED` with
 * `deprecation: 'throw'`, or where no access was made.
 *
 * @deprecated Use `engine.instances`. Version 1.0.0 removes this.
 */
export function getAgentInstanceFactory(): AgentInstanceFactory {
  const { instances } = legacyFor('getAgentInstanceFactory', getAgentInstanceFactory).engine
  const bound: AgentInstanceFactory = own(
    Object.freeze<AgentInstanceFactory>({
      create: (name) => {
        assertOwner(bound)
        return instances.create(name)
      },
      metrics: () => instances.metrics(),
    }),
    { scope: true },
  )
  return bound
}
