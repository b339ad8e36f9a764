import {
  MemoryRunStore,
  type DurableEvent,
  type EventBatch,
  type NewRun,
  type RunPage,
  type RunPageOptions,
  type RunRecord,
  type RunStore,
  type UnnumberedEvent,
} from '../../src/index.ts'

/** A store that works until it is told to fail, and remembers each call that it got. */
export class FailingRunStore implements RunStore {
  readonly #store = new MemoryRunStore()
  readonly calls: string[] = []
  /** Fails a call, by throwing. */
  fail: (method: string, events: readonly UnnumberedEvent[]) => void = () => undefined

  async create(run: NewRun): Promise<void> {
    this.#enter('create')
    await this.#store.create(run)
  }

  async append(
    runId: string,
    events: readonly UnnumberedEvent[],
  ): Promise<readonly DurableEvent[]> {
    this.#enter('append', events)
    return this.#store.append(runId, events)
  }

  async get(runId: string): Promise<RunRecord | undefined> {
    this.#enter('get')
    return this.#store.get(runId)
  }

  async list(page?: RunPageOptions): Promise<RunPage> {
    this.#enter('list')
    return this.#store.list(page)
  }

  async read(
    runId: string,
    after: number | undefined,
    limit: number,
  ): Promise<EventBatch | undefined> {
    this.#enter('read')
    return this.#store.read(runId, after, limit)
  }

  async watch(runId: string, wake: () => void): Promise<() => void> {
    this.#enter('watch')
    return this.#store.watch(runId, wake)
  }

  async delete(runId: string): Promise<boolean> {
    this.#enter('delete')
    return this.#store.delete(runId)
  }

  #enter(method: string, events: readonly UnnumberedEvent[] = []): void {
    this.calls.push(method)
    this.fail(method, events)
  }
}
