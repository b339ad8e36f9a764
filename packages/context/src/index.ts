// Whose code runs: definitions, scopes, reading.
export {
  defineUserContext,
  type AdditionsOf,
  type ContextInputOf,
  type ContextOf,
  type UserContextDefinition,
} from './user-context/define-user-context.ts'
export type {
  ContextAdditions,
  DeepReadonly,
  UserContext,
  UserContextInput,
} from './user-context/user-context.ts'
export { secret } from './user-context/secret.ts'
export { currentScope, isOutside, tryCurrentScope } from './scope/current-scope.ts'
export type { RespondOptions } from './scope/respond.ts'
export { taskGroup, type TaskGroup } from './groups/task-group.ts'
export { revoke } from './scope/revoke.ts'
export {
  createImpersonation,
  type Impersonation,
  type ImpersonationOptions,
  type ImpersonationRecord,
  type ImpersonationRequest,
} from './impersonation/create-impersonation.ts'
export { runOutside } from './scope/run-outside.ts'
export type { DetachOptions, Orphan, OrphanListener, Scope, ScopeOptions } from './scope/scope.ts'

// Whose values they are.
export { guard } from './ownership/guard.ts'
export { assertOwner, own, type OwnOptions } from './ownership/own.ts'
export { ownerOf } from './ownership/owner-of.ts'
export { transfer } from './ownership/transfer.ts'
export { canonicalOwner, sameOwner, type Owner } from './ownership/owner.ts'

// Bringing callbacks home.
export { adopt } from './binding/adopt.ts'
export { bind, type Bind } from './binding/bind.ts'
export type { EmitterLike } from './binding/bind-emitter.ts'
export type { BindResponseOptions } from './binding/bind-response.ts'

// Sharing without mixing.
export type { Dispose } from './sharing/dispose.ts'
export { perOwner, type OwnerCache, type PerOwnerOptions } from './sharing/per-owner.ts'
export { perScope, type PerScopeOptions } from './sharing/per-scope.ts'

// What follows the flow, and is nobody's.
export { createVariable, type Variable, type VariableOptions } from './variable/create-variable.ts'

// What went wrong, and how often.
export {
  ContextError,
  type ContextErrorCode,
  type ContextErrorDetails,
  type ContextIssue,
} from './errors.ts'
export { ArgumentError } from './argument-error.ts'
export {
  captureSites,
  inspect,
  inspectScopes,
  type Inspection,
  type ScopeInspection,
} from './diagnostics/inspect.ts'
export { captureHeldScopes, inspectHeldScopes, type HeldScope } from './diagnostics/held-scopes.ts'
export type { ContextMode } from './diagnostics/context-mode.ts'
export { watchEnterWith, type EnterWithUse } from './diagnostics/watch-enter-with.ts'
export { channelNames, type ScopeMessage, type ViolationMessage } from './diagnostics/channels.ts'
