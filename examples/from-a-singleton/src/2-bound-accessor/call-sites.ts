import type { AgentInstance } from '@ringfence/engine'
import { getAgentInstanceFactory } from '@ringfence/engine/compat'
import type { DeskAnswer, DeskRequest } from '../desk.ts'

export async function ask({ text }: DeskRequest): Promise<DeskAnswer> {
  const factory = getAgentInstanceFactory()
  return { text: String(await factory.create('answerer').execute({ text })), shown: [] }
}

// Still kept: whoever comes second is refused now, where they were given the first one's notes before.
let summariser: AgentInstance | undefined

export async function summarise({ text }: DeskRequest): Promise<DeskAnswer> {
  summariser ??= getAgentInstanceFactory().create('summariser')
  return { text: String(await summariser.execute({ text })), shown: [] }
}

export async function exportNotes({ text }: DeskRequest): Promise<DeskAnswer> {
  const factory = getAgentInstanceFactory()
  return { text: String(await factory.create('exporter').execute({ text })), shown: [] }
}
