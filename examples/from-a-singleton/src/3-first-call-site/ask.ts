import type { UserExecutionEngine } from '@ringfence/engine'
import type { DeskAnswer, DeskRequest } from '../desk.ts'

export async function ask({ text }: DeskRequest, engine: UserExecutionEngine): Promise<DeskAnswer> {
  return { text: String(await engine.instances.create('answerer').execute({ text })), shown: [] }
}
