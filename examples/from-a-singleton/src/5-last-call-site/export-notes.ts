import type { UserExecutionEngine } from '@ringfence/engine'
import type { DeskAnswer, DeskRequest } from '../desk.ts'

/** A run instead of an instance: it is queued, limited and cancellable, and its events show how it goes. */
export async function exportNotes(
  { text }: DeskRequest,
  engine: UserExecutionEngine,
): Promise<DeskAnswer> {
  const { runId, result } = await engine.start('exporter', { text })
  const shown: string[] = []
  for await (const event of await engine.events(runId)) {
    if (event.type === 'agent_text') shown.push(event.data.delta)
  }
  return { text: String(await result), shown }
}
