import { canonicalOwner, currentScope } from '@ringfence/context'
import { EngineError } from '../errors/engine-error.ts'
import { checkedLimit } from '../internal/checked-limit.ts'
import { withoutUndefined } from '../internal/without-undefined.ts'
import type { EngineLogger } from '../logger.ts'
import { verdictOn, type Verdict } from '../retries/verdict.ts'
import { Circuit, type CircuitPolicy, type Passage } from './circuit.ts'

/** When calls of a dependency that keeps failing are refused, for each owner by themselves. */
export interface CircuitOptions extends Partial<CircuitPolicy> {
  /** Failures in a row after which a circuit opens; longer apart than `openMs` they are not in a row. Default 3. */
  readonly failures?: number
  /** Milliseconds that it stays open; then one call at a time is let through to see. Default 30,000. */
  readonly openMs?: number
  /** Such calls in a row that have to succeed before it closes. Default 2. */
  readonly successes?: number
  /** Circuits that are kept of all owners; beyond it the one used longest ago is forgotten. Default 10,000. */
  readonly circuits?: number
}

/** How a dependency does, over all owners. Names nobody. */
export interface DependencyHealth {
  readonly dependency: string
  /** Owners for whom it is refused. */
  readonly open: number
  /** Owners for whom it is tried again. */
  readonly halfOpen: number
  /** Owners for whom it failed lately, and is not refused. */
  readonly failing: number
}

type Limits = Required<CircuitOptions>

const defaults: Limits = Object.freeze({
  failures: 3,
  openMs: 30_000,
  successes: 2,
  circuits: 10_000,
})

/** How many times `openMs` a circuit that nobody uses is remembered. */
const rememberedTimes = 10

interface Kept {
  readonly dependency: string
  readonly circuit: Circuit
  usedAt: number
  /** Calls that have not ended. */
  going: number
}

/**
 * A circuit for each owner and dependency (I8, I9): what fails for one user is refused to that user alone, and
 * nobody can close a dependency to others. A circuit is kept only while it has something to remember.
 */
export class Circuits {
  readonly #limits: Limits
  readonly #now: () => number
  readonly #logger: EngineLogger | undefined
  /** By owner and dependency, the one used longest ago first. */
  readonly #kept = new Map<string, Kept>()

  /** Throws TypeError for an option that is none. */
  constructor(options: CircuitOptions, now: () => number, logger: EngineLogger | undefined) {
    const given = withoutUndefined(options)
    for (const [name, value] of Object.entries(given)) {
      if (!Object.hasOwn(defaults, name))
        throw new TypeError(`There is no option \`circuits.${name}\``)
      checkedLimit(`circuits.${name}`, value, 1)
    }
    this.#limits = Object.freeze({ ...defaults, ...given })
    this.#now = now
    this.#logger = logger
  }

  /** Circuits that are kept now. */
  get size(): number {
    return this.#kept.size
  }

  /**
   * Does work that needs a dependency, for the owner of the current scope. Rejects with `CIRCUIT_OPEN`, without
   * beginning, while it is refused to them. `judge` says what a failure says of the dependency.
   */
  guard<Result>(
    dependency: string,
    work: () => Promise<Result>,
    judge: (error: unknown) => Verdict = verdictOn,
  ): Promise<Result> {
    const key = `${canonicalOwner(currentScope().owner)}\n${dependency}`
    const kept = this.#use(key, dependency)
    const { circuit } = kept
    const passage = circuit.pass(this.#now())
    if (typeof passage === 'number') return Promise.reject(circuitOpen(dependency, passage))
    kept.going += 1
    const leave = (): void => {
      kept.going -= 1
      if (kept.going === 0 && circuit.isIdle(this.#now()) && this.#kept.get(key) === kept) {
        this.#kept.delete(key)
      }
    }
    // Not by waiting: every step of a model comes through here, and each wait costs a turn and two promises.
    return work().then(
      (result) => {
        passage.succeeded(this.#now())
        leave()
        return result
      },
      (error: unknown) => {
        this.#judge({ dependency, circuit, passage }, error, judge(error))
        leave()
        throw error
      },
    )
  }

  /** How each dependency does that fails for somebody, by name. */
  health(): readonly DependencyHealth[] {
    const now = this.#now()
    const counts = new Map<string, { open: number; halfOpen: number; failing: number }>()
    for (const { dependency, circuit } of this.#kept.values()) {
      const count = counts.get(dependency) ?? { open: 0, halfOpen: 0, failing: 0 }
      counts.set(dependency, count)
      const state = circuit.state(now)
      if (state === 'open') count.open += 1
      else if (state === 'half-open') count.halfOpen += 1
      else if (!circuit.isIdle(now)) count.failing += 1
    }
    return [...counts]
      .map(([dependency, count]) => ({ dependency, ...count }))
      .filter(({ open, halfOpen, failing }) => open + halfOpen + failing > 0)
      .toSorted((one, other) => (one.dependency < other.dependency ? -1 : 1))
  }

  #judge(
    {
      dependency,
      circuit,
      passage,
    }: { readonly dependency: string; readonly circuit: Circuit; readonly passage: Passage },
    error: unknown,
    verdict: Verdict,
  ): void {
    const now = this.#now()
    if (verdict === 'answered') passage.succeeded(now)
    if (verdict === 'unknown') passage.unknown()
    if (verdict !== 'failed') return
    const before = circuit.state(now)
    passage.failed(now)
    if (before === 'open' || circuit.state(now) !== 'open') return
    this.#logger?.warn({ dependency, err: error }, 'a circuit has opened for a user')
  }

  #use(key: string, dependency: string): Kept {
    const now = this.#now()
    const kept = this.#kept.get(key) ?? {
      dependency,
      circuit: new Circuit(this.#limits),
      usedAt: now,
      going: 0,
    }
    kept.usedAt = now
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    this.#forgetOld(now)
    return kept
  }

  /** The ones that nobody has used for long, and as many more as there are too many. */
  #forgetOld(now: number): void {
    const oldest = now - rememberedTimes * this.#limits.openMs
    for (const [key, { usedAt, going }] of this.#kept) {
      if (usedAt > oldest && this.#kept.size <= this.#limits.circuits) return
      if (going === 0) this.#kept.delete(key)
    }
  }
}

function circuitOpen(dependency: string, retryAfterMs: number): EngineError {
  return new EngineError(
    'CIRCUIT_OPEN',
    `"${dependency}" has failed several times in a row and is not called for now. Try again later.`,
    { retryAfterMs },
  )
}
