import {
  agentEvent,
  type ApprovalRecord,
  failure,
  type JsonValue,
  type MessagePage,
  type RunPage,
  type RunRecord,
  type ThreadPage,
} from '@ringfence/engine'
import * as z from 'zod'

const time = z.iso.datetime()

const run = z.object({
  runId: z.string(),
  agent: z.string(),
  status: z.enum(['queued', 'running', 'completed', 'failed', 'cancelled']),
  threadId: z.string().optional(),
  requestId: z.string(),
  createdAt: time,
  startedAt: time.optional(),
  endedAt: time.optional(),
  lastSeq: z.int().min(-1),
  result: z.unknown().optional(),
  error: failure.optional(),
})

const links = z.object({ self: z.string(), events: z.string(), cancel: z.string() })

const page = z.object({ runs: z.array(run).readonly(), next: z.string().optional() })

const thread = z.object({
  threadId: z.string(),
  createdAt: time,
  updatedAt: time,
  messages: z.int().min(0),
  bytes: z.int().min(0),
  dropped: z.int().min(0),
})

const threadPage = z.object({ threads: z.array(thread).readonly(), next: z.string().optional() })

const content = z.custom<JsonValue>().meta({ description: 'Whatever JSON can carry.' })

const messagePage = z.object({
  messages: z
    .array(
      z.object({
        messageId: z.string(),
        role: z.enum(['system', 'user', 'assistant', 'tool']),
        content,
        position: z.int().min(0),
        turnId: z.string(),
        runId: z.string().optional(),
        at: time,
      }),
    )
    .readonly(),
  previous: z.int().optional(),
})

const owner = z.union([
  z.object({ userId: z.string() }),
  z.object({ tenantId: z.string(), userId: z.string() }),
])

const approval = z.object({
  approvalId: z.string(),
  runId: z.string(),
  callId: z.string(),
  agent: z.string(),
  tool: z.string(),
  input: z.unknown().optional(),
  requestedAt: time,
  expiresAt: time,
  status: z.enum(['pending', 'approved', 'denied', 'expired', 'cancelled', 'used']),
  resolvedAt: time.optional(),
  resolvedBy: owner.optional(),
  reason: z.string().optional(),
})

/** Compiles only for a schema that gives what the engine gives, and nothing else. */
function exactly<Value>() {
  return <Schema extends z.ZodType<Value>>(
    schema: [Value] extends [z.output<Schema>] ? Schema : never,
  ): z.ZodType => schema
}

exactly<RunRecord>()<typeof run>(run)
exactly<RunPage>()<typeof page>(page)
exactly<ThreadPage>()<typeof threadPage>(threadPage)
exactly<MessagePage>()<typeof messagePage>(messagePage)
exactly<Omit<ApprovalRecord, 'argumentsHash'>>()<typeof approval>(approval)

/** The names under which the document describes what answers can hold. */
export type AnswerSchemaName =
  | 'Agents'
  | 'StartedRun'
  | 'Run'
  | 'RunPage'
  | 'AgentEvent'
  | 'UiMessageChunk'
  | 'AgUiEvent'
  | 'Thread'
  | 'ThreadPage'
  | 'MessagePage'
  | 'Approval'
  | 'ApprovalPage'
  | 'Ticket'
  | 'Token'
  | 'Status'
  | 'Document'
  | 'Snapshot'
  | 'Text'
  | 'Problem'

/** What answers can hold. */
export const answerSchemas: Readonly<Record<AnswerSchemaName, z.ZodType>> = {
  Agents: z.object({
    agents: z.array(
      z.object({
        name: z.string(),
        description: z.string().optional(),
        input: z.unknown().meta({ description: 'A JSON Schema.' }),
        output: z.unknown().meta({ description: 'A JSON Schema.' }),
        stages: z.array(z.string()),
      }),
    ),
  }),
  StartedRun: z.object({ runId: z.string(), status: run.shape.status, links }),
  Run: run.extend({ links }),
  RunPage: page,
  AgentEvent: agentEvent,
  AgUiEvent: z.looseObject({ type: z.string() }),
  UiMessageChunk: z.looseObject({ type: z.string() }),
  Thread: thread,
  ThreadPage: threadPage,
  MessagePage: messagePage,
  Approval: approval,
  ApprovalPage: z.object({ approvals: z.array(approval), next: z.string().optional() }),
  Ticket: z.object({ ticket: z.string(), expiresAt: time }),
  Token: z.object({ token: z.string(), expiresAt: time }),
  Status: z.object({ status: z.string() }),
  Snapshot: z.looseObject({ at: time, scopes: z.array(z.looseObject({ id: z.string() })) }),
  Text: z.string(),
  Document: z.looseObject({ openapi: z.string() }),
  Problem: z.object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    instance: z.string(),
    code: z.string(),
    requestId: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  }),
}
