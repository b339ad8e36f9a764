import { createExecutionEngine, type UserExecutionEngine } from '@ringfence/engine'
import { createLegacyAccess, type LegacyAccess } from '@ringfence/engine/compat'
import { createAgents } from './2-bound-accessor/agents.ts'
import type { Desk, DeskAnswer, DeskRequest } from './desk.ts'
import { Notes } from './notes.ts'
import { users } from './users.ts'

type CallSite = (request: DeskRequest, engine: UserExecutionEngine) => Promise<DeskAnswer>

/** What differs from step to step. */
export interface Step {
  readonly ask: CallSite
  readonly summarise: CallSite
  readonly exportNotes: CallSite
  readonly deprecation: 'warn' | 'throw'
}

/** A desk on its way: what still calls the old name is warned about, or refused, and counted. */
export interface MigratingDesk extends Desk {
  readonly legacy: LegacyAccess
}

/** From step 2 on the desk has this shape: an engine, a scope at the door, and the old names around it. */
export function createMigratingDesk(step: Step): MigratingDesk {
  const notes = new Notes()
  const engine = createExecutionEngine({ agents: createAgents(notes) })
  // The report is enough here; without this the process would be warned as well.
  const emitWarning = (): void => undefined
  const legacy = createLegacyAccess({ engine, deprecation: step.deprecation, emitWarning })

  async function act(request: DeskRequest): Promise<DeskAnswer> {
    if (request.action === 'ask') return step.ask(request, engine)
    if (request.action === 'summarise') return step.summarise(request, engine)
    if (request.action === 'export') return step.exportNotes(request, engine)
    await notes.add(users.current().userId, request.text)
    return { text: 'noted', shown: [] }
  }

  return {
    legacy,
    handle: (request) =>
      legacy.run(() => users.run({ userId: request.userId }, () => act(request))),
  }
}
