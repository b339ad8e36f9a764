import { createMigratingDesk, type MigratingDesk } from '../migrating-desk.ts'
import { ask, exportNotes, summarise } from './call-sites.ts'

/** Step 2: the old name comes from `/compat`, bound to the scope. Call sites say no longer whose they are. */
export function createDesk(): MigratingDesk {
  return createMigratingDesk({ ask, summarise, exportNotes, deprecation: 'warn' })
}
