import * as z from 'zod'

/** What bounds a request, a stream and a socket. Bytes and milliseconds. */
export interface HandlerLimits {
  /** The largest body. Default: 12 MiB, for a log of ten million characters. */
  readonly bodyBytes: number
  /** What bodies that are being read may hold: one owner's. At least `bodyBytes`. Default: twice that. */
  readonly ownerBodyBytes: number
  /** And all owners' together. At least `bodyBytes`. Default: 256 MiB, or `ownerBodyBytes` if that is more. */
  readonly bodyBytesInFlight: number
  /** Requests of one owner in a minute; as many at once. More get 429. Default: 6,000. */
  readonly requestsPerMinute: number
  /** Runs that one owner starts in a minute; as many at once. More get 429. Default: 600. */
  readonly runsPerMinute: number
  /** Requests in work, until their answer is there: one owner's, and all owners'. 429 and 503. Default: 64 and 1,024. */
  readonly ownerRequests: number
  readonly requests: number
  /** Streams that are open: one owner's, and all owners'. 429 and 503. Default: 64 and 20,000. */
  readonly ownerStreams: number
  readonly streams: number
  /** Sockets that are open: one owner's, and all owners'. 429 and 503. Default: 32 and 20,000. */
  readonly ownerSockets: number
  readonly sockets: number
  /** How long `identify` may take; then it is 503. Default: 10,000. */
  readonly identifyMs: number
  /**
   * How late timers may be, on the average of half a second, before a listening server refuses what is anybody's
   * with 503: it has more to do than it can. Default: 500.
   */
  readonly loopDelayMs: number
  /** How deep JSON may be nested. Default: 64. */
  readonly jsonDepth: number
  /** A stream without an event gets a comment this often, so that proxies keep it. Default: 15,000. */
  readonly heartbeatMs: number
  /** When an `EventSource` should come back after a stream was cut. Default: 2,000. */
  readonly retryMs: number
  /** How long a stream may stay unread before it is cut. Default: 60,000. */
  readonly unreadMs: number
  /** How long a ticket may wait for its use. Default: 30,000. */
  readonly ticketMs: number
  /** Unused tickets of one owner, and of all. Default: 16 and 10,000. */
  readonly ticketsPerOwner: number
  readonly tickets: number
  /** The largest frame that a socket may send. Default: 12 MiB. */
  readonly frameBytes: number
  /** Requests of one socket that may be in work at once, followed runs among them. Default: 32. */
  readonly socketRequests: number
  /** With more than this unsent, a socket's events wait for its reader. Default: 1 MiB. */
  readonly socketBufferBytes: number
  /** With more than this unsent, a socket is closed with 1013. Default: 16 MiB. */
  readonly socketOverflowBytes: number
  /** How often a socket is pinged; one that has not answered by the next ping is cut. Default: 25,000. */
  readonly pingMs: number
  /** How long an upgrade may take until the socket is open. Default: 5,000. */
  readonly openMs: number
}

const mebibyte = 1024 * 1024

const defaults: HandlerLimits = {
  bodyBytes: 12 * mebibyte,
  ownerBodyBytes: 24 * mebibyte,
  bodyBytesInFlight: 256 * mebibyte,
  requestsPerMinute: 6_000,
  runsPerMinute: 600,
  ownerRequests: 64,
  requests: 1_024,
  ownerStreams: 64,
  streams: 20_000,
  ownerSockets: 32,
  sockets: 20_000,
  identifyMs: 10_000,
  loopDelayMs: 500,
  jsonDepth: 64,
  heartbeatMs: 15_000,
  retryMs: 2_000,
  unreadMs: 60_000,
  ticketMs: 30_000,
  ticketsPerOwner: 16,
  tickets: 10_000,
  frameBytes: 12 * 1024 * 1024,
  socketRequests: 32,
  socketBufferBytes: 1024 * 1024,
  socketOverflowBytes: 16 * 1024 * 1024,
  pingMs: 25_000,
  openMs: 5_000,
}

const greatest = 2_147_483_647
const limitSchema = z.int().min(1).max(greatest)

/**
 * The limits in force. Throws TypeError for one that is unknown or no positive integer, and where the largest
 * body could never be read.
 */
export function resolveLimits(given: Partial<HandlerLimits> = {}): HandlerLimits {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, name)) throw new TypeError(`There is no limit named \`${name}\``)
    if (!limitSchema.safeParse(value).success) {
      throw new TypeError(`Expected \`limits.${name}\` to be an integer >= 1, got ${String(value)}`)
    }
  }
  const bodyBytes = given.bodyBytes ?? defaults.bodyBytes
  const ownerBodyBytes = given.ownerBodyBytes ?? Math.min(2 * bodyBytes, greatest)
  const bodyBytesInFlight =
    given.bodyBytesInFlight ?? Math.max(defaults.bodyBytesInFlight, ownerBodyBytes)
  const limits = { ...defaults, ...given, bodyBytes, ownerBodyBytes, bodyBytesInFlight }
  for (const name of ['ownerBodyBytes', 'bodyBytesInFlight'] as const) {
    if (limits[name] < bodyBytes) {
      throw new TypeError(`Expected \`limits.${name}\` to be at least \`bodyBytes\` (${bodyBytes})`)
    }
  }
  return Object.freeze(limits)
}
