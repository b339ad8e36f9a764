export { createClient } from './create-client.ts'
export { ApiError, type ApiErrorDetails, type ClientErrorCode } from './api-error.ts'
export type {
  AgentClient,
  AgentDescription,
  Approval,
  ApprovalList,
  ApprovalsClient,
  CallOptions,
  RunDetails,
  StartedRun,
  StartRunOptions,
  ThreadsClient,
} from './client-types.ts'
export type { ConnectionOptions, TokenSource } from './connection.ts'
export type { FollowOptions } from './follow-run.ts'
export type { RunLinks } from '../handler/links.ts'
export type { ProblemCode, ProblemIssue } from '../problems/problem.ts'
