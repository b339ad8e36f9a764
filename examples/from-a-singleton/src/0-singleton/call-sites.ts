import type { DeskAnswer, DeskRequest } from '../desk.ts'
import type { Notes } from '../notes.ts'
import { getAgentInstanceFactory } from './agent-instance-factory.ts'

export async function ask({ userId, text }: DeskRequest, notes: Notes): Promise<DeskAnswer> {
  const shown: string[] = []
  const factory = getAgentInstanceFactory()
  factory.configure(userId, notes, (line) => shown.push(line))
  return { text: await factory.create('answerer').execute(text), shown }
}

// Kept, because making one was thought to be dear.
let summariser: { execute(text: string): Promise<string> } | undefined

export async function summarise({ userId, text }: DeskRequest, notes: Notes): Promise<DeskAnswer> {
  const shown: string[] = []
  const factory = getAgentInstanceFactory()
  factory.configure(userId, notes, (line) => shown.push(line))
  summariser ??= factory.create('summariser')
  return { text: await summariser.execute(text), shown }
}

export async function exportNotes(
  { userId, text }: DeskRequest,
  notes: Notes,
): Promise<DeskAnswer> {
  const shown: string[] = []
  const factory = getAgentInstanceFactory()
  factory.configure(userId, notes, (line) => shown.push(line))
  return { text: await factory.create('exporter').execute(text), shown }
}
