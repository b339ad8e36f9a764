import type { Context } from 'hono'
import * as z from 'zod'

/** Who is asking, as an `Identify` says it. */
export interface Identity {
  readonly userId: string
  readonly tenantId?: string | undefined
  readonly roles?: readonly string[] | undefined
  /** Epoch milliseconds. Streams and sockets end when it passes. */
  readonly expiresAt?: number | undefined
  /**
   * Epoch milliseconds at which these credentials were issued. What was issued before its owner was revoked is
   * refused (`createRevocations`); where this is left out, that is for `identify` to do.
   */
  readonly issuedAt?: number | undefined
  /** The application's own fields of the user context, for the schema of its definition. */
  readonly context?: Readonly<Record<string, unknown>> | undefined
}

/**
 * Who sent the request: the other end of the connection, as the runtime knows it, or the client that a
 * proxy names which `trustProxy` believes. No other header is asked.
 */
export interface Peer {
  readonly address: string | undefined
  /** What the client asked for, where a proxy that is believed says so. */
  readonly proto?: string | undefined
  readonly host?: string | undefined
}

export interface IdentifyRequest {
  readonly request: Request
  readonly peer: Peer
  /** The Hono context: under `host.route()` it has what the host's middleware set. */
  readonly hono: Context
}

/**
 * The only source of identity. Null means that there are no credentials (401), `InvalidToken` that they are
 * wrong (401 with `error="invalid_token"`); any other throw is a 500. In none of these a scope opens.
 */
export type Identify = (request: IdentifyRequest) => Identity | null | Promise<Identity | null>

const identifier = z.string().min(1).max(256)

/** The door for identities: what an application returns is checked before it means anybody. */
export const identitySchema: z.ZodType<Identity> = z.strictObject({
  userId: identifier,
  tenantId: z.string().max(256).optional(),
  roles: z.array(identifier).max(256).optional(),
  expiresAt: z.number().positive().optional(),
  issuedAt: z.number().nonnegative().optional(),
  context: z.record(z.string(), z.unknown()).optional(),
})
