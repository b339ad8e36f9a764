import * as z from 'zod'
import { forwardedHops, type ForwardedHop, type ForwardingHeader } from './forwarding.ts'
import { canonicalAddress, networksOf, type ProxyPreset } from './networks.ts'

/**
 * Which proxies are believed: networks (`10.0.0.0/8`), a named set of them, or how many proxies stand in
 * front. A number is right only where nobody can reach the server past them.
 */
export type TrustedProxies = ProxyPreset | readonly string[] | number

export interface TrustProxyOptions {
  readonly proxies: TrustedProxies
  /** The family that your proxies write: the other is not read. Default: `x-forwarded`. */
  readonly header?: ForwardingHeader
}

/** Never `true`: who believes everybody believes the client. */
export type TrustProxy = false | TrustedProxies | TrustProxyOptions

/** Who sent a request, as far as it can be known. */
export interface Client {
  readonly address: string | undefined
  /** What the client asked for, as the proxy in front says. Undefined where no proxy is believed. */
  readonly proto: string | undefined
  readonly host: string | undefined
}

/** Finds the client of a request: `peer` is the address at the other end of the connection, if known. */
export type ClientOf = (peer: string | undefined, headers: Headers) => Client

const proxies = z.union([z.int().min(1), z.string(), z.array(z.string()).min(1)])
const header = z.enum(['x-forwarded', 'forwarded'])
const options = z.union([
  proxies.transform((named) => ({ proxies: named, header: undefined })),
  z.strictObject({ proxies, header: header.optional() }),
])

/**
 * Makes what finds the client. Walks from the nearest proxy outwards and stops at the first address that is
 * not believed: everything beyond it is what somebody claims. Throws TypeError for `true`, an empty list, a number below 1, and
 * networks that are none.
 */
export function clientFinder(trust: TrustProxy = false): ClientOf {
  if (trust === false) {
    return (peer) => ({ address: plain(peer), proto: undefined, host: undefined })
  }
  const parsed = options.safeParse(trust)
  if (!parsed.success) {
    throw new TypeError(
      'Expected `trustProxy` to be false, networks, a named set of them or a number of proxies. ' +
        'There is no `true`: it would believe whatever a client writes.',
    )
  }
  const { proxies: trusted, header: family = 'x-forwarded' } = parsed.data
  if (typeof trusted === 'number') {
    return (peer, headers) => {
      const hops = forwardedHops(headers, family)
      return found(peer, hops[Math.max(0, hops.length - trusted)])
    }
  }
  const isTrusted = networksOf(trusted)
  return (peer, headers) => {
    // Without a known peer nobody can be believed: the header may be the client's own.
    if (peer === undefined || !isTrusted(peer)) return found(peer, undefined)
    let nearest: ForwardedHop | undefined
    for (const hop of forwardedHops(headers, family).toReversed()) {
      // A hidden address is not beyond what the last proxy said, and nothing beyond it is known.
      if (hop.address === undefined) break
      nearest = hop
      if (!isTrusted(hop.address)) break
    }
    return found(peer, nearest)
  }
}

function found(peer: string | undefined, hop: ForwardedHop | undefined): Client {
  return { address: plain(hop?.address ?? peer), proto: hop?.proto, host: hop?.host }
}

/** An address in its one spelling, as it came where it is none that can be read. */
function plain(address: string | undefined): string | undefined {
  return address === undefined ? undefined : (canonicalAddress(address) ?? address)
}
