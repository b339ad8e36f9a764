import { canonicalOwner } from '@ringfence/context'
import type { HandlerLimits } from '../handler/limits.ts'
import type { Identity } from '../identity/identity.ts'
import { Problem } from '../problems/problem.ts'
import { retryAfter } from '../problems/to-problem.ts'

/** What a ticket opens: one WebSocket, or one `EventSource`. */
export type TicketPurpose = 'socket' | 'stream'

interface Ticket {
  readonly identity: Identity
  readonly owner: string
  readonly purpose: TicketPurpose
  readonly origin: string | undefined
  readonly expiresAt: number
}

/** What a request shows beside its ticket. */
export interface TicketBearer {
  readonly origin: string | undefined
  readonly host: string | undefined
  /** `Sec-Fetch-Site`. */
  readonly site: string | undefined
}

/**
 * One-use tickets, for browser interfaces that cannot send a header: 256 random bits, of which only a hash is
 * kept. A ticket is the credential itself, so this index alone does not begin with an owner.
 */
export class TicketStore {
  readonly #limits: HandlerLimits
  /** By hash, in the order in which they expire. */
  readonly #tickets = new Map<string, Ticket>()
  readonly #counts = new Map<string, number>()

  constructor(limits: HandlerLimits) {
    this.#limits = limits
  }

  /** Throws `too_many_tickets` where the owner has too many unused ones, `queue_full` where all together have. */
  async issue(
    identity: Identity,
    purpose: TicketPurpose,
    origin: string | undefined,
  ): Promise<{ readonly ticket: string; readonly expiresAt: number }> {
    const ticket = toBase64Url(globalThis.crypto.getRandomValues(new Uint8Array(32)))
    const hash = await hashOf(ticket)
    const now = Date.now()
    this.#sweep(now)
    const owner = canonicalOwner(ownerOf(identity))
    const unused = this.#counts.get(owner) ?? 0
    const headers = retryAfter(this.#limits.ticketMs)
    if (unused >= this.#limits.ticketsPerOwner) throw new Problem('too_many_tickets', { headers })
    if (this.#tickets.size >= this.#limits.tickets) throw new Problem('queue_full', { headers })
    const expiresAt = now + this.#limits.ticketMs
    this.#tickets.set(hash, { identity, owner, purpose, origin, expiresAt })
    this.#counts.set(owner, unused + 1)
    return { ticket, expiresAt }
  }

  /** Whose ticket it was. Whatever comes of it, the ticket is spent. */
  async redeem(
    ticket: string,
    purpose: TicketPurpose,
    bearer: TicketBearer,
  ): Promise<Identity | undefined> {
    if (!/^[\w-]{43}$/.test(ticket)) return undefined
    const hash = await hashOf(ticket)
    const found = this.#tickets.get(hash)
    if (found === undefined) return undefined
    this.#forget(hash, found)
    if (found.expiresAt <= Date.now() || found.purpose !== purpose) return undefined
    return isSameOrigin(found, bearer) ? found.identity : undefined
  }

  /** Forgets the tickets of an owner, given by the canonical spelling. */
  forgetOwner(owner: string): void {
    if (!this.#counts.has(owner)) return
    for (const [hash, ticket] of this.#tickets) {
      if (ticket.owner === owner) this.#forget(hash, ticket)
    }
  }

  #sweep(now: number): void {
    for (const [hash, ticket] of this.#tickets) {
      if (ticket.expiresAt > now) return
      this.#forget(hash, ticket)
    }
  }

  #forget(hash: string, { owner }: Ticket): void {
    this.#tickets.delete(hash)
    const left = (this.#counts.get(owner) ?? 1) - 1
    if (left === 0) this.#counts.delete(owner)
    else this.#counts.set(owner, left)
  }
}

/**
 * Browsers send Origin with every socket, and with an `EventSource` only to another origin; to its own it says
 * so in `Sec-Fetch-Site`.
 */
function isSameOrigin({ origin, purpose }: Ticket, bearer: TicketBearer): boolean {
  if (bearer.origin === origin) return true
  return (
    purpose === 'stream' &&
    bearer.origin === undefined &&
    bearer.site === 'same-origin' &&
    origin !== undefined &&
    URL.canParse(origin) &&
    new URL(origin).host === bearer.host
  )
}

function ownerOf({ userId, tenantId }: Identity): { userId: string; tenantId?: string } {
  return tenantId === undefined ? { userId } : { userId, tenantId }
}

async function hashOf(ticket: string): Promise<string> {
  const bytes = new TextEncoder().encode(ticket)
  return toBase64Url(new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', bytes)))
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
