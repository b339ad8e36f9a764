// Three faces of one server.
export { createHandler, type AgentHandler, type HandlerOptions } from './handler/create-handler.ts'
export { agentRoutes } from './handler/agent-routes.ts'
export { userScope, type UserScopeOptions } from './handler/user-scope.ts'
export {
  createServer,
  type AgentServer,
  type CloseOptions,
  type ListenOptions,
  type Listening,
  type ServerOptions,
} from './server/create-server.ts'
export type { RingfenceOptions, ServerLogger, UpgradeWebSocket } from './handler/options.ts'
export type { HandlerLimits } from './handler/limits.ts'
export type { ServerTimeouts } from './server/listen.ts'
export type { MetricsOptions } from './metrics/server-metrics.ts'
export type { RequestTrace, Tracing } from './tracing/tracing.ts'

// Who is asking, and what they may do.
export type { Identify, IdentifyRequest, Identity, Peer } from './identity/identity.ts'
export type { Action, Actor, Authorize, Resource } from './identity/authorize.ts'
export { InvalidToken } from './identity/invalid-token.ts'
export { combine } from './identity/combine.ts'
export { jwtAuth, type JwtAuthOptions } from './identity/jwt-auth.ts'
export {
  createRevocations,
  type Revocations,
  type RevocationsOptions,
} from './identity/revocations.ts'
export type { VerifiedTokensLimits } from './identity/verified-tokens.ts'

// What is written down of what they did.
export {
  createAuditLog,
  type AuditHead,
  type AuditLog,
  type AuditLogOptions,
  type AuditSink,
} from './audit/audit-log.ts'
export type {
  AuditedActor,
  AuditedResource,
  AuditEntry,
  AuditSource,
  NewAuditEntry,
} from './audit/audit-entry.ts'
export type { AuditOptions } from './audit/record-access.ts'
export { auditedStore } from './audit/audited-store.ts'
export { impersonationAudit } from './audit/impersonation-audit.ts'
export { verifyAudit, type AuditVerdict, type VerifyAuditOptions } from './audit/verify-audit.ts'

// Who is in front.
export type { ForwardingHeader } from './proxy/forwarding.ts'
export type { ProxyPreset } from './proxy/networks.ts'
export type { TrustedProxies, TrustProxy, TrustProxyOptions } from './proxy/trust-proxy.ts'

// What goes over the wire.
export {
  clientFrame,
  serverFrame,
  type CancelFrame,
  type ClientFrame,
  type ConnectionEstablishedFrame,
  type ErrorFrame,
  type EventFrame,
  type FollowFrame,
  type PingFrame,
  type PongFrame,
  type ServerFrame,
  type StartFrame,
} from './socket/frames.ts'
export type { ProblemCode, ProblemIssue } from './problems/problem.ts'
