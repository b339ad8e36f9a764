import type { UserContextDefinition } from '@ringfence/context'
import type { UserExecutionEngine } from '@ringfence/engine'
import type { Context } from 'hono'
import type { WSEvents } from 'hono/ws'
import type * as z from 'zod'
import type { Authorize } from '../identity/authorize.ts'
import type { Identify } from '../identity/identity.ts'
import type { Revocations } from '../identity/revocations.ts'
import type { TrustProxy } from '../proxy/trust-proxy.ts'
import type { AuditOptions } from '../audit/record-access.ts'
import type { Tracing } from '../tracing/tracing.ts'
import type { HandlerLimits } from './limits.ts'

/** Where a server writes one line a request, and one for each failure. A pino logger fits. */
export interface ServerLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The runtime's way to a WebSocket: the `upgradeWebSocket` of Hono's adapter for it. */
export type UpgradeWebSocket = (
  hono: Context,
  events: WSEvents,
  options?: { onError: (error: unknown) => void },
) => Promise<Response>

/** What all three faces take. */
export interface RingfenceOptions {
  readonly engine: UserExecutionEngine
  /** Who is asking: `jwtAuth(...)`, or one's own. Required, but in demo mode; the same as `identify`. */
  readonly auth?: Identify
  /** Who is asking, where the host has found out already. Give this or `auth`. */
  readonly identify?: Identify
  /**
   * Which proxies are believed when they say who a request is from: `peer` of `identify`. Default: false, so
   * that no forwarded header means anything.
   */
  readonly trustProxy?: TrustProxy
  /**
   * The hosts that requests may be for, with a port or for every port: `agents.example`, `localhost:3000`. Anything
   * else is 421, so that a page of another site cannot reach the server by a name of its own (DNS rebinding).
   * Probes are answered for every host. Default: any host.
   */
  readonly hosts?: readonly string[]
  /** What somebody may do. Default: whatever is their own. */
  readonly authorize?: Authorize
  /** Who has lost their access. Default: nobody can be revoked here. */
  readonly revocations?: Revocations
  /** The definition that a request's scope is opened through. Default: one without further fields. */
  readonly context?: UserContextDefinition<z.ZodObject>
  /** Default: silence. */
  readonly logger?: ServerLogger
  /**
   * Told of every error that a client saw as 500 only. The error may hold anything, so the log gets just its
   * name, code and stack. Default: nobody.
   */
  readonly onError?: (error: unknown, about: { readonly requestId: string }) => void
  /**
   * Writes down who did what: starting and ending runs, tickets, sockets, inspection, revocation, and every refusal for want
   * of rights. What cannot be written down is answered with 503. Default: nothing is.
   */
  readonly audit?: AuditOptions
  /** Traces requests and runs: `createTracing()` of `@ringfence/server/otel`. Default: nothing is traced. */
  readonly tracing?: Tracing
  readonly limits?: Partial<HandlerLimits>
  /**
   * Adds `POST /demo/tokens`, which gives anybody on this machine a token for any user. For trying things
   * out: only for a loopback peer and a loopback Host, with a key that dies with the process. Default: false.
   */
  readonly demo?: boolean
  /**
   * Adds `GET /v1/inspect`, `GET /v1/inspect/events` and the page `/inspect`: open scopes, violations with their sites, runs
   * of each owner. For whoever has the role `admin`; owners are pseudonyms unless `authorize` allows `inspect.owners`.
   * Default: false.
   */
  readonly inspector?: boolean
  /** Default: `GET /v1/ws` answers 501. */
  readonly upgradeWebSocket?: UpgradeWebSocket
  /** The path that a mount or a proxy took off before the request came here, for links. Default: none. */
  readonly strippedPrefix?: string
}
