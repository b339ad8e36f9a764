import { agentEvent, type RunPage, type RunRecord } from '@ringfence/engine'
import * as z from 'zod'

const time = z.iso.datetime()
const failure = z.object({ code: z.string(), message: z.string() })

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

/** Compiles only for a schema that gives what the engine gives, and nothing else. */
function exactly<Value>() {
  return <Schema extends z.ZodType<Value>>(
    schema: [Value] extends [z.output<Schema>] ? Schema : never,
  ): z.ZodType => schema
}

exactly<RunRecord>()<typeof run>(run)
exactly<RunPage>()<typeof page>(page)

/** The names under which the document describes what answers can hold. */
export type AnswerSchemaName =
  | 'Agents'
  | 'StartedRun'
  | 'Run'
  | 'RunPage'
  | 'AgentEvent'
  | 'Ticket'
  | 'Token'
  | 'Status'
  | 'Document'
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
  Ticket: z.object({ ticket: z.string(), expiresAt: time }),
  Token: z.object({ token: z.string(), expiresAt: time }),
  Status: z.object({ status: z.string() }),
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
