import { defineUserContext, type UserContextDefinition } from '@ringfence/context'
import type { CheckedHealth, UserExecutionEngine } from '@ringfence/engine'
import * as z from 'zod'
import { Admission } from '../admission/admission.ts'
import { BodyBudget } from '../body/body-budget.ts'
import { recordRevocation } from '../audit/record-revocation.ts'
import type { AuditOptions } from '../audit/record-access.ts'
import { RefusalLines } from '../audit/refusal-lines.ts'
import { demoRoute } from '../demo/demo-route.ts'
import { DemoTokens } from '../demo/demo-tokens.ts'
import type { Authorize } from '../identity/authorize.ts'
import { CheckedIdentities } from '../identity/checked-identities.ts'
import type { Identify } from '../identity/identity.ts'
import type { IdentityDoor } from '../identity/identity-door.ts'
import { routes } from '../routes/routes.ts'
import type { SocketConnection } from '../socket/socket-connection.ts'
import { inspectRoutes } from '../inspector/inspect-routes.ts'
import { Inspector } from '../inspector/inspector.ts'
import { clientFinder } from '../proxy/trust-proxy.ts'
import type { Tracing } from '../tracing/tracing.ts'
import { TicketStore } from '../tickets/ticket-store.ts'
import { waitingFor, type Waiting } from './due-times.ts'
import type { Exchange } from './exchange.ts'
import { hostCheck, type HostCheck } from './host-check.ts'
import { resolveLimits, type HandlerLimits } from './limits.ts'
import type { Route } from './route.ts'
import type { RingfenceOptions, ServerLogger, UpgradeWebSocket } from './options.ts'

/** What all routes of one handler share. */
export interface Core extends IdentityDoor {
  readonly engine: UserExecutionEngine
  readonly authorize: Authorize | undefined
  readonly isOurHost: HostCheck
  readonly admission: Admission
  readonly context: UserContextDefinition<z.ZodObject>
  readonly logger: ServerLogger | undefined
  readonly onError: RingfenceOptions['onError']
  readonly audit: AuditOptions | undefined
  readonly refusalLines: RefusalLines
  readonly tracing: Tracing | undefined
  readonly inspector: Inspector | undefined
  readonly limits: HandlerLimits
  readonly demo: DemoTokens | undefined
  readonly tickets: TicketStore
  readonly bodies: BodyBudget
  readonly sockets: Set<SocketConnection>
  /** Answers that are still going on: each ends when its scope has closed. */
  readonly streams: Set<Promise<void>>
  /** When streams and sockets have to be looked at. */
  readonly dueTimes: Waiting
  readonly upgradeWebSocket: UpgradeWebSocket | undefined
  readonly strippedPrefix: string
  readonly routes: readonly Route[]
  /** The OpenAPI document, once somebody has asked for it. */
  document: unknown
  /** A check of the engine that goes on. */
  health: Promise<CheckedHealth> | undefined
  /** Set before it drains: it says so, and serves all the same. */
  leaving: boolean
  /** Set when the server shuts down: nothing new starts, what runs may end. */
  draining: boolean
  /** Set while timers are later than `loopDelayMs`: what can be refused, is. */
  overloaded: boolean
  /** Told of each answer when it has ended, and of how long it took, in seconds. */
  observe: ((exchange: Exchange, status: number, seconds: number) => void) | undefined
  /** Lets go of what outlives the handler. */
  readonly release: () => void
}

/** Checks the options. Throws TypeError: a server without authentication does not come to be. */
export function createCore(options: RingfenceOptions): Core {
  const { engine, auth, identify, demo = false, strippedPrefix = '' } = options
  if (typeof engine?.start !== 'function') throw new TypeError('Expected `engine` to be an engine')
  if (auth !== undefined && identify !== undefined) {
    throw new TypeError('Expected one of `auth` and `identify`, got both')
  }
  const configured = auth ?? identify
  if (configured === undefined && !demo) {
    throw new TypeError(
      'Expected `auth` (or `identify`): without it nobody can be told apart. See jwtAuth().',
    )
  }
  if (strippedPrefix !== '') checkedBasePath('strippedPrefix', strippedPrefix)
  const limits = resolveLimits(options.limits)
  const demoTokens = demo ? new DemoTokens() : undefined
  const tickets = new TicketStore(limits)
  const sockets = new Set<SocketConnection>()
  const { revocations } = options
  const forget = revocations?.onRevoke((owner) => {
    tickets.forgetOwner(owner)
    for (const socket of sockets) if (socket.owner === owner) socket.revoke()
    recordRevocation(options, owner)
  })
  const inspector = options.inspector === true ? new Inspector() : undefined
  return {
    engine,
    identify: demoTokens?.beside(configured) ?? requireIdentify(configured),
    authorize: options.authorize,
    revocations,
    checked: new CheckedIdentities(),
    clientOf: clientFinder(options.trustProxy),
    isOurHost: hostCheck(options.hosts),
    admission: new Admission(limits),
    context: options.context ?? defineUserContext('ringfence-request', z.object({})),
    logger: options.logger,
    onError: options.onError,
    audit: options.audit,
    refusalLines: new RefusalLines(),
    tracing: options.tracing,
    inspector,
    limits,
    demo: demoTokens,
    tickets,
    bodies: new BodyBudget(limits),
    sockets,
    streams: new Set(),
    dueTimes: waitingFor(),
    upgradeWebSocket: options.upgradeWebSocket,
    strippedPrefix,
    routes: [
      ...routes,
      ...(demo ? [demoRoute] : []),
      ...(inspector === undefined ? [] : inspectRoutes),
    ],
    document: undefined,
    health: undefined,
    leaving: false,
    draining: false,
    overloaded: false,
    observe: undefined,
    release: () => {
      forget?.()
      inspector?.stop()
    },
  }
}

/** A path that others stand under: `/agents`, without a slash at its end. */
export function checkedBasePath(name: string, value: string): string {
  if (/^(?:\/[\w.~-]+)+$/.test(value)) return value
  throw new TypeError(`Expected \`${name}\` to be a path such as "/agents", got "${value}"`)
}

function requireIdentify(identify: Identify | undefined): Identify {
  if (typeof identify === 'function') return identify
  throw new TypeError('Expected `auth` to be a function')
}
