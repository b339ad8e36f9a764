import type { UserExecutionEngine } from '@ringfence/engine'
import type { DeskAnswer, DeskRequest } from '../desk.ts'

/** An instance for each request: making one takes microseconds, and it ends with the request. */
export async function summarise(
  { text }: DeskRequest,
  engine: UserExecutionEngine,
): Promise<DeskAnswer> {
  return { text: String(await engine.instances.create('summariser').execute({ text })), shown: [] }
}
