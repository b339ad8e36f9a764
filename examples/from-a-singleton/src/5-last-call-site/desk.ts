import { ask } from '../3-first-call-site/ask.ts'
import { summarise } from '../4-second-call-site/summarise.ts'
import { createMigratingDesk, type MigratingDesk } from '../migrating-desk.ts'
import { exportNotes } from './export-notes.ts'

/** Step 5: the old names are refused, and nobody calls them. What is left is to take the access out. */
export function createDesk(): MigratingDesk {
  return createMigratingDesk({ ask, summarise, exportNotes, deprecation: 'throw' })
}
