import {
  agentEvent,
  type AgentEvent,
  type BackPressure,
  type ThreadPolicy,
} from '@ringfence/engine'
import * as z from 'zod'
import { backPressure, identifier, onDisconnect, threadPolicy } from '../body/fields.ts'
import type { ProblemIssue } from '../problems/problem.ts'

/** Begins a run and follows it. */
export interface StartFrame {
  readonly type: 'start'
  /** The client's name for this request: what answers it carries the same. */
  readonly id: string
  readonly agent: string
  readonly input?: unknown
  readonly threadId?: string | undefined
  readonly threadPolicy?: ThreadPolicy | undefined
  readonly onDisconnect: 'continue' | 'cancel'
  /** What happens when this socket does not keep up with the run. Default: it falls behind, and holds nothing up. */
  readonly backPressure?: BackPressure['policy'] | undefined
}

/** Follows a run, from the event after number `after`. */
export interface FollowFrame {
  readonly type: 'follow'
  readonly id: string
  readonly runId: string
  readonly after?: number | undefined
  readonly backPressure?: BackPressure['policy'] | undefined
}

/** Ends a run. Whoever follows it sees `agent_cancelled`; only a refusal is answered. */
export interface CancelFrame {
  readonly type: 'cancel'
  readonly id: string
  readonly runId: string
}

export interface PingFrame {
  readonly type: 'ping'
  readonly id?: string | undefined
}

/** What a client sends over a socket. */
export type ClientFrame = StartFrame | FollowFrame | CancelFrame | PingFrame

/** The first frame of every connection. */
export interface ConnectionEstablishedFrame {
  readonly type: 'connection_established'
  readonly connectionId: string
}

/** An event of the run that the request `id` started or follows. */
export interface EventFrame {
  readonly type: 'event'
  readonly id: string
  readonly event: AgentEvent
}

export interface PongFrame {
  readonly type: 'pong'
  readonly id?: string | undefined
}

/** A refusal. `code` and `errors` are those of a problem over HTTP; without `id`, no request could be read. */
export interface ErrorFrame {
  readonly type: 'error'
  readonly id?: string | undefined
  readonly code: string
  readonly message: string
  readonly errors?: readonly ProblemIssue[] | undefined
}

/** What a server sends over a socket. */
export type ServerFrame = ConnectionEstablishedFrame | EventFrame | PongFrame | ErrorFrame

const id = z.string().min(1).max(64)

/** The frames of a client, checked: unknown types and unknown fields are refused. */
export const clientFrame: z.ZodType<ClientFrame> = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('start'),
    id,
    agent: z.string().min(1).max(256),
    input: z.unknown(),
    threadId: identifier.optional(),
    threadPolicy,
    onDisconnect,
    backPressure,
  }),
  z.strictObject({
    type: z.literal('follow'),
    id,
    runId: identifier,
    after: z.int().min(0).optional(),
    backPressure,
  }),
  z.strictObject({ type: z.literal('cancel'), id, runId: identifier }),
  z.strictObject({ type: z.literal('ping'), id: id.optional() }),
])

/** The frames of a server, for a client that checks what it gets. */
export const serverFrame: z.ZodType<ServerFrame> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('connection_established'), connectionId: z.string() }),
  z.object({ type: z.literal('event'), id, event: agentEvent }),
  z.object({ type: z.literal('pong'), id: id.optional() }),
  z.object({
    type: z.literal('error'),
    id: id.optional(),
    code: z.string(),
    message: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  }),
])
