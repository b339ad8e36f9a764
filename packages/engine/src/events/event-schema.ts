import * as z from 'zod'
import { failure } from '../errors/failure-schema.ts'
import type { AgentEvent } from './agent-event.ts'

const durationMs = z.number().nonnegative()
const amount = z.int().nonnegative()

const envelope = {
  at: z.iso.datetime(),
  runId: z.string(),
  threadId: z.string().optional(),
  requestId: z.string(),
  userId: z.string(),
  agent: z.string(),
}
const durable = { ...envelope, seq: z.int().nonnegative() }

const schema = z.discriminatedUnion('type', [
  z.object({
    ...durable,
    type: z.literal('agent_started'),
    data: z.object({ queuedMs: durationMs }),
  }),
  z.object({
    ...durable,
    type: z.literal('agent_thinking'),
    data: z.object({ text: z.string(), step: z.int().positive() }),
  }),
  z.object({
    ...durable,
    type: z.literal('agent_text'),
    data: z.object({ delta: z.string() }),
  }),
  z.object({
    ...durable,
    type: z.literal('tool_executing'),
    data: z.object({ callId: z.string(), tool: z.string(), input: z.unknown().optional() }),
  }),
  z.object({
    ...durable,
    type: z.literal('attempt_restarted'),
    data: z.object({ attempt: z.int().positive() }),
  }),
  z.object({
    ...durable,
    type: z.literal('tool_completed'),
    data: z.object({
      callId: z.string(),
      tool: z.string(),
      ok: z.boolean(),
      attempts: z.int().positive().optional(),
      result: z.unknown().optional(),
      error: failure.optional(),
      durationMs,
    }),
  }),
  z.object({
    ...durable,
    type: z.literal('subagent_started'),
    data: z.object({ callId: z.string(), agent: z.string() }),
  }),
  z.object({
    ...durable,
    type: z.literal('subagent_completed'),
    data: z.object({
      callId: z.string(),
      agent: z.string(),
      ok: z.boolean(),
      error: failure.optional(),
      durationMs,
    }),
  }),
  z.object({
    ...durable,
    type: z.literal('work_orphaned'),
    data: z.object({ label: z.string(), callId: z.string().optional() }),
  }),
  z.object({
    ...durable,
    type: z.literal('approval_requested'),
    data: z.object({
      approvalId: z.string(),
      callId: z.string(),
      tool: z.string(),
      input: z.unknown().optional(),
      expiresAt: z.iso.datetime(),
    }),
  }),
  z.object({
    ...durable,
    type: z.literal('approval_resolved'),
    data: z.object({
      approvalId: z.string(),
      callId: z.string(),
      outcome: z.enum(['approved', 'denied', 'expired', 'cancelled']),
    }),
  }),
  z.object({
    ...durable,
    type: z.literal('usage_recorded'),
    data: z.object({
      model: z.string().optional(),
      inputTokens: amount.optional(),
      outputTokens: amount.optional(),
      cachedTokens: amount.optional(),
      reasoningTokens: amount.optional(),
      costMicros: amount,
    }),
  }),
  z.object({
    ...durable,
    type: z.literal('agent_custom'),
    data: z.object({ name: z.string(), value: z.unknown() }),
  }),
  z.object({
    ...durable,
    type: z.literal('agent_completed'),
    data: z.object({ result: z.unknown().optional(), durationMs }),
  }),
  z.object({
    ...durable,
    type: z.literal('agent_error'),
    data: z.object({ error: failure, durationMs }),
  }),
  z.object({
    ...durable,
    type: z.literal('agent_cancelled'),
    data: z.object({
      reason: z.enum(['caller', 'disconnect', 'shutdown', 'replaced']),
      durationMs,
    }),
  }),
  z.object({
    ...envelope,
    type: z.literal('queue_position'),
    data: z.object({ position: z.int().positive() }),
  }),
  z.object({
    ...envelope,
    type: z.literal('agent_progress'),
    data: z.object({
      fraction: z.number().min(0).max(1).optional(),
      message: z.string().optional(),
      elapsedMs: durationMs.optional(),
      remainingMs: durationMs.optional(),
      callId: z.string().optional(),
      tool: z.string().optional(),
    }),
  }),
])

/** Compiles only for a schema that gives every event, and nothing but events. */
function exactly<Schema extends z.ZodType<AgentEvent>>(
  complete: [AgentEvent] extends [z.output<Schema>] ? Schema : never,
): z.ZodType<AgentEvent> {
  return complete
}

/**
 * The events of a run, as they travel: for whoever receives them from outside. Unknown fields are dropped,
 * unknown types refused.
 */
export const agentEvent: z.ZodType<AgentEvent> = exactly<typeof schema>(schema)
