import type { AuditActor, EngineStore, NewAuditRecord } from '@ringfence/engine'
import type { AuditedActor } from './audit-entry.ts'
import type { AuditLog } from './audit-log.ts'

/**
 * The same store, whose audit trail is written to the log as well, and first: what the log cannot keep does not happen. So
 * whatever crosses owners in the engine (`engine.system`, and reading what `authorize` opened) is in the log.
 *
 * @example
 * const engine = createExecutionEngine({ agents, store: auditedStore(new MemoryStore(), audit) })
 */
export function auditedStore(store: EngineStore, log: AuditLog): EngineStore {
  const { runs, threads, approvals, idempotency, ledger, audit, system } = store
  return {
    runs,
    threads,
    approvals,
    idempotency,
    ledger,
    system,
    audit: {
      async append(record) {
        await log.append(entryOf(record))
        await audit.append(record)
      },
      read: (page) => audit.read(page),
    },
    close: () => store.close(),
  }
}

function entryOf({
  actor,
  action,
  resource,
  outcome,
  reason,
  counts,
}: NewAuditRecord): Parameters<AuditLog['append']>[0] {
  return { actor: actorOf(actor), action, resource, outcome, reason, counts, source: {} }
}

function actorOf(actor: AuditActor): AuditedActor {
  return actor.kind === 'user' ? { kind: 'user', ...actor.owner } : actor
}
