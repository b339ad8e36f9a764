import { currentScope } from '@ringfence/context'
import type { EngineStore, UnnumberedEvent } from '../../src/index.ts'

const at = new Date(0).toISOString()

/** One of each kind for the current owner, under the same ids for everybody. */
export async function fillStore(store: EngineStore, text: string = 'hello'): Promise<void> {
  const { userId } = currentScope().owner
  const runId = 'run'
  const agent = 'agent'
  const stamp = { at, runId, requestId: 'request', userId, agent }
  const events: UnnumberedEvent[] = [
    { ...stamp, type: 'agent_text', data: { delta: text } },
    { ...stamp, type: 'agent_completed', data: { result: text, durationMs: 1 } },
  ]
  await store.runs.create({ runId, agent, requestId: 'request', createdAt: at })
  await store.runs.append(runId, events)
  await store.threads.append('thread', {
    turnId: 'turn',
    at,
    messages: [
      { messageId: 'question', role: 'user', content: text },
      { messageId: 'answer', role: 'assistant', content: [{ type: 'text', text }] },
    ],
  })
  await store.approvals.create({
    approvalId: 'approval',
    runId,
    callId: 'call-1',
    agent,
    tool: 'tool',
    input: { text },
    argumentsHash: 'hash',
    requestedAt: at,
    expiresAt: new Date(1_000).toISOString(),
  })
  await store.idempotency.claim({
    agent,
    key: 'key',
    inputHash: 'hash',
    runId,
    now: 0,
    leaseUntil: 1_000,
    expiresAt: 1_000,
  })
  await store.ledger.account().charge({ runId, agent, at: 0, amounts: { inputTokens: 3 } })
}

/** Which of them the current owner has. */
export async function readBack(store: EngineStore): Promise<string[]> {
  const found: string[] = []
  if ((await store.runs.get('run')) !== undefined) found.push('run')
  if ((await store.threads.get('thread')) !== undefined) found.push('thread')
  if ((await store.approvals.get('approval')) !== undefined) found.push('approval')
  const probe = { agent: 'agent', key: 'key', inputHash: 'other', runId: 'probe', now: 1 }
  const claimed = await store.idempotency.claim({ ...probe, leaseUntil: 2, expiresAt: 2 })
  if (claimed.runId !== 'probe') found.push('key')
  else await store.idempotency.release('agent', 'key', 'probe')
  const { all } = await store.ledger.account().sums('total', 0)
  if (all.inputTokens > 0) found.push('ledger')
  return found
}
