import type { AgentExecution } from './agent-execution.ts'

/** An agent that is written as a generator, while it runs. */
export type AgentPieces = AsyncIterator<string, unknown, undefined>

/** Whether what an agent's `run` gave is to be pulled: a generator, or whatever else is an iterator of pieces. */
export function isPulled(returned: unknown): returned is AgentPieces & AsyncIterable<string> {
  if (typeof returned !== 'object' || returned === null) return false
  if (!(Symbol.asyncIterator in returned)) return false
  return 'next' in returned && typeof returned.next === 'function'
}

/**
 * Runs it to its end: what it yields is told as text, one piece after the other, and what it returns is its result. Where
 * it is told to stop, its `finally` still runs, as long as the grace is.
 */
export async function pullAgent(pieces: AgentPieces, agent: AgentExecution): Promise<unknown> {
  try {
    for (;;) {
      agent.signal.throwIfAborted()
      const next = await pieces.next()
      if (next.done === true) return next.value
      await agent.text(next.value)
    }
  } catch (error) {
    // How its cleanup ends changes nothing about why it was stopped.
    await pieces.return?.().catch(() => undefined)
    throw error
  }
}
