import { createDesk as createLeakingDesk } from '../0-singleton/desk.ts'
import type { Desk } from '../desk.ts'
import { users } from '../users.ts'

/** Step 1: each request runs in a scope of its user. Nothing asks the scope yet, so nothing is better yet. */
export function createDesk(): Desk {
  const desk = createLeakingDesk()
  return {
    handle: (request) => users.run({ userId: request.userId }, () => desk.handle(request)),
  }
}
