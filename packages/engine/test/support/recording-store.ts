import type { EngineStore } from '../../src/index.ts'
import { storeWith } from './store-with.ts'

/** A memory store that remembers each call of its parts, by name, and not with what. */
export interface RecordingStore {
  readonly store: EngineStore
  /** As `part.method`. */
  readonly calls: string[]
}

export function recordingStore(): RecordingStore {
  const calls: string[] = []
  const plain = storeWith({})
  const record = <Part extends object>(part: Part, name: string): Part =>
    new Proxy(part, {
      get: (target, method) => {
        const member: unknown = Reflect.get(target, method, target)
        if (typeof member !== 'function') return member
        return (...parameters: unknown[]): unknown => {
          calls.push(`${name}.${String(method)}`)
          return Reflect.apply(member, target, parameters)
        }
      },
    })
  return {
    calls,
    store: {
      runs: record(plain.runs, 'runs'),
      threads: record(plain.threads, 'threads'),
      approvals: record(plain.approvals, 'approvals'),
      idempotency: record(plain.idempotency, 'idempotency'),
      ledger: record(plain.ledger, 'ledger'),
      audit: record(plain.audit, 'audit'),
      system: record(plain.system, 'system'),
      close: () => plain.close(),
    },
  }
}
