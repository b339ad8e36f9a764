import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Identify } from '@ringfence/server'

/** A new token for whoever sits at this machine. */
export const createInspectorToken = (): string => randomBytes(24).toString('base64url')

/** Takes whoever has the token for an admin, who has no runs and may look at the inspector. */
export const inspectorAuth = (token: string): Identify => {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  const expected = digest(`Bearer ${token}`)
  return ({ request }) => {
    const given = digest(request.headers.get('authorization') ?? '')
    return timingSafeEqual(given, expected) ? { userId: 'inspector', roles: ['admin'] } : null
  }
}
