import { exportNotes, summarise } from '../2-bound-accessor/call-sites.ts'
import { createMigratingDesk, type MigratingDesk } from '../migrating-desk.ts'
import { ask } from './ask.ts'

/** Step 3: the first call site uses the engine's own factory. */
export function createDesk(): MigratingDesk {
  return createMigratingDesk({ ask, summarise, exportNotes, deprecation: 'warn' })
}
