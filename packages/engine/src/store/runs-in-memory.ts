import type { KeptRuns } from './kept-runs.ts'
import type { RunStore } from './run-store.ts'

/** Its constructor gives the object that it is given, so that a class derived from it adds its fields to that. */
// oxlint-disable-next-line typescript/no-extraneous-class -- only a class can be derived from
class Given {
  constructor(object: object) {
    // oxlint-disable-next-line eslint/no-constructor-return -- this is what it is for
    return object
  }
}

/** A field that only this file can see, on the store itself: nothing that stands before a store has it. */
class Holder extends Given {
  readonly #runs: KeptRuns

  constructor(store: RunStore, runs: KeptRuns) {
    super(store)
    this.#runs = runs
  }

  static runsOf(store: RunStore): KeptRuns | undefined {
    return #runs in store ? store.#runs : undefined
  }
}

/** Remembers on a store of this process where its runs are. Once for each store. */
export function holdRuns(store: RunStore, runs: KeptRuns): void {
  // oxlint-disable-next-line eslint/no-new -- it adds a field to the store
  new Holder(store, runs)
}

/** The runs of a store that keeps them in this process; undefined for any other, and for what stands before one. */
export function runsInMemory(store: RunStore): KeptRuns | undefined {
  return Holder.runsOf(store)
}
