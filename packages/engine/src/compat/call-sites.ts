import type { LegacyName } from './deprecation.ts'

/** How often deprecated things were called, and from where. Names nobody. */
export interface LegacyReport {
  /** All calls, those that threw included. */
  readonly calls: number
  /** The busiest first, at most 200. */
  readonly sites: readonly LegacySite[]
  /** Calls from sites beyond those. */
  readonly otherCalls: number
}

export interface LegacySite {
  readonly name: LegacyName
  /** File, line and column. */
  readonly caller: string
  readonly calls: number
}

const mostSites = 200

/** Counts calls by site. Bounded: code that is generated may have any number of sites. */
export class CallSites {
  readonly #sites = new Map<string, { name: LegacyName; caller: string; calls: number }>()
  #otherCalls = 0

  /** Counts a call. True for the first one from its site. */
  add(name: LegacyName, caller: string): boolean {
    const key = `${name} ${caller}`
    const site = this.#sites.get(key)
    if (site !== undefined) site.calls += 1
    else if (this.#sites.size < mostSites) this.#sites.set(key, { name, caller, calls: 1 })
    else this.#otherCalls += 1
    return site === undefined && this.#sites.has(key)
  }

  report(): LegacyReport {
    const sites = [...this.#sites.values()]
      .map((site) => ({ ...site }))
      .toSorted((one, other) => other.calls - one.calls)
    const counted = sites.reduce((sum, { calls }) => sum + calls, 0)
    return { calls: counted + this.#otherCalls, sites, otherCalls: this.#otherCalls }
  }
}
