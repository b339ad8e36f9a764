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
export { currentScope, tryCurrentScope } from './scope/current-scope.ts'
export type { RespondOptions } from './scope/respond.ts'
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

// What follows the flow, and is nobody's.
export { createVariable, type Variable, type VariableOptions } from './variable/create-variable.ts'

// What went wrong, and how often.
export {
  ContextError,
  type ContextErrorCode,
  type ContextErrorDetails,
  type ContextIssue,
} from './errors.ts'
export { captureSites, inspect, type Inspection } from './inspect.ts'
