import { MemoryStore, type EngineStore } from '../../src/index.ts'

/** A store in memory that does not answer what it is told not to: `runs.append`, `ledger.charge`. */
export class SilentStore implements EngineStore {
  readonly silent = new Set<string>()
  readonly #store = new MemoryStore()
  /** What was asked for in silence, in its order: it is done when it is called. */
  readonly late: (() => unknown)[] = []
  readonly runs: EngineStore['runs'] = this.#quiet('runs', this.#store.runs)
  readonly threads: EngineStore['threads'] = this.#quiet('threads', this.#store.threads)
  readonly approvals: EngineStore['approvals'] = this.#quiet('approvals', this.#store.approvals)
  readonly idempotency: EngineStore['idempotency'] = this.#quiet(
    'idempotency',
    this.#store.idempotency,
  )
  readonly ledger: EngineStore['ledger'] = {
    account: () => this.#quiet('ledger', this.#store.ledger.account()),
  }
  readonly audit: EngineStore['audit'] = this.#quiet('audit', this.#store.audit)
  readonly system: EngineStore['system'] = this.#quiet('system', this.#store.system)

  async close(): Promise<void> {
    await this.#store.close()
  }

  #quiet<Part extends object>(name: string, part: Part): Part {
    // The methods of a memory store are frozen properties: they are looked up behind an empty object.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return new Proxy({} as Part, {
      get: (_, key) => {
        const method: unknown = Reflect.get(part, key)
        if (typeof method !== 'function') return method
        return (...parameters: unknown[]): unknown => {
          const answer = (): unknown => Reflect.apply(method, part, parameters)
          if (!this.silent.has(`${name}.${String(key)}`)) return answer()
          return new Promise((resolve) => {
            this.late.push(() => {
              const answered = answer()
              resolve(answered)
              return answered
            })
          })
        }
      },
    })
  }
}
