import type { HandlerLimits } from '../handler/limits.ts'
import type { Exchange } from '../handler/exchange.ts'
import { demoQuota, isDemoPrincipal } from '../demo/demo-principal.ts'
import { Problem, type ProblemCode } from '../problems/problem.ts'
import { retryAfter } from '../problems/to-problem.ts'
import { limitField, policyField, type NamedRate } from './rate-fields.ts'
import { RateLimiter } from './rate-limiter.ts'
import { Tally } from './tally.ts'

/** What a request is counted as besides a request. */
export type AdmissionKind = 'run' | 'stream' | 'socket'

const minuteMs = 60_000
/** Owners whose rate is remembered: a number each. */
const mostOwners = 100_000

/**
 * How much an owner may ask for, and all owners together (I9): rates over a minute, and how many requests, streams
 * and sockets at once. An owner over their own limit gets 429, a server that is full answers 503; both
 * before anything of the request is read.
 */
export class Admission {
  readonly #rates: Readonly<Record<'requests' | 'runs', NamedRate & { limiter: RateLimiter }>>
  /** What the demo's own principals may. */
  readonly #demo: Readonly<Record<'requests' | 'runs', NamedRate & { limiter: RateLimiter }>>
  readonly #requests: Tally
  readonly #kinds: Readonly<Record<'stream' | 'socket', Tally>>
  readonly #policies: Readonly<Record<'requests' | 'runs', string>>

  constructor(limits: HandlerLimits) {
    const requests = rate('requests', limits.requestsPerMinute)
    const runs = rate('runs', limits.runsPerMinute)
    this.#rates = { requests, runs }
    this.#demo = {
      requests: rate('requests', Math.min(demoQuota.requests, limits.requestsPerMinute)),
      runs: rate('runs', Math.min(demoQuota.runs, limits.runsPerMinute)),
    }
    this.#policies = { requests: policyField([requests]), runs: policyField([requests, runs]) }
    this.#requests = new Tally(limits.ownerRequests, limits.requests)
    this.#kinds = {
      stream: new Tally(limits.ownerStreams, limits.streams),
      socket: new Tally(limits.ownerSockets, limits.sockets),
    }
  }

  /** Requests in work, streams and sockets that are open: for probes and metrics. */
  get open(): { readonly requests: number; readonly streams: number; readonly sockets: number } {
    const { stream, socket } = this.#kinds
    return { requests: this.#requests.all, streams: stream.all, sockets: socket.all }
  }

  /**
   * Lets a request of an owner in, and writes into its fields where they stand. Returns how to give its place
   * back. Throws `rate_limited`, `too_many_requests` and `overloaded`.
   */
  enter(owner: string, { fields }: Exchange, kind: AdmissionKind | undefined): () => void {
    fields['ratelimit-policy'] = this.#policies[kind === 'run' ? 'runs' : 'requests']
    fields['ratelimit'] = this.spend(owner, kind)
    return take(this.#requests, owner, 'too_many_requests')
  }

  /** A place for a stream or a socket. Throws `too_many_streams`, `too_many_sockets` and `overloaded`. */
  hold(owner: string, kind: 'stream' | 'socket'): () => void {
    return take(this.#kinds[kind], owner, `too_many_${kind}s`)
  }

  /**
   * Counts a request, and a run where it starts one. Returns where the owner stands, as `RateLimit` says it. Throws
   * `rate_limited`, with that field.
   */
  spend(owner: string, kind: AdmissionKind | undefined): string {
    const requests = this.#spend('requests', owner)
    return kind === 'run' ? `${requests}, ${this.spendRun(owner)}` : requests
  }

  /** Counts a run alone, of a request that was counted before it was known to start one. As `spend` otherwise. */
  spendRun(owner: string): string {
    return this.#spend('runs', owner)
  }

  #spend(name: 'requests' | 'runs', owner: string): string {
    const rates = isDemoPrincipal(owner) ? this.#demo : this.#rates
    const state = rates[name].limiter.take(owner)
    const field = limitField(name, state)
    if (state.admitted) return field
    throw new Problem('rate_limited', {
      detail: `You may do this again in ${Math.max(1, Math.ceil(state.resetMs / 1_000))} s.`,
      headers: { ...retryAfter(state.resetMs), ratelimit: field },
    })
  }
}

function rate(name: string, quota: number): NamedRate & { readonly limiter: RateLimiter } {
  const windowMs = minuteMs
  return {
    name,
    quota,
    windowMs,
    limiter: new RateLimiter({ quota, windowMs, owners: mostOwners }),
  }
}

function take(tally: Tally, owner: string, code: ProblemCode): () => void {
  const taken = tally.take(owner)
  if (typeof taken === 'function') return taken
  throw new Problem(taken === 'owner' ? code : 'overloaded', { headers: retryAfter(undefined) })
}
