import { MemoryStore, type EngineStore } from '../../src/index.ts'

/** A memory store with some of its parts replaced. */
export function storeWith(parts: Partial<EngineStore>): EngineStore {
  const memory = new MemoryStore()
  const { runs, threads, approvals, idempotency, ledger, audit, system } = memory
  return {
    runs,
    threads,
    approvals,
    idempotency,
    ledger,
    audit,
    system,
    close: () => memory.close(),
    ...parts,
  }
}
