import { checkIsolation, type IsolationReport } from '@ringfence/context/testing'
import type { Desk, DeskRequest } from '../src/desk.ts'
import { users } from '../src/users.ts'

/**
 * The canary test, the same for every step: users at once, each with a note that only they have, in random order.
 * Rejects with an IsolationError when somebody is shown the note of somebody else. The seed stands in its message.
 */
export function checkDesk(
  desk: Desk,
  actions: readonly DeskRequest['action'][],
): Promise<IsolationReport> {
  return checkIsolation({
    definition: users,
    contextOf: (userId) => ({ userId }),
    users: 6,
    interleavings: 12,
    visit: async ({ userId, canary, giveWay }) => {
      await desk.handle({ userId, action: 'note', text: canary })
      const seen: unknown[] = []
      for (const action of actions) {
        await giveWay()
        seen.push(await desk.handle({ userId, action, text: 'canary' }))
      }
      return seen
    },
  })
}
