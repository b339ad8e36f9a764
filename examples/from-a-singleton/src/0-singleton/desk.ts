import type { Desk } from '../desk.ts'
import { Notes } from '../notes.ts'
import { ask, exportNotes, summarise } from './call-sites.ts'

/** Where it begins: one factory for all, and every request tells it whose it is. */
export function createDesk(): Desk {
  const notes = new Notes()
  return {
    handle: async (request) => {
      if (request.action === 'ask') return ask(request, notes)
      if (request.action === 'summarise') return summarise(request, notes)
      if (request.action === 'export') return exportNotes(request, notes)
      await notes.add(request.userId, request.text)
      return { text: 'noted', shown: [] }
    },
  }
}
