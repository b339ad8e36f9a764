import { Problem } from '../problems/problem.ts'

const names = new Set([
  'user',
  'userid',
  'username',
  'uid',
  'owner',
  'ownerid',
  'tenant',
  'tenantid',
])

/**
 * Refuses a body or a query that names a user or a tenant: ignoring the field would let its sender believe
 * that it means something. However it is spelled: `user_id`, `User-Id`, `user[id]`, `user.id`.
 */
export function refuseUserFields(keys: Iterable<string>, where: string): void {
  for (const key of keys) {
    if (names.has(key.toLowerCase().replaceAll(/[^a-z\d]/g, ''))) {
      throw new Problem('user_field_refused', {
        detail: `The ${where} names a user or a tenant. Who you are comes from your credentials alone.`,
      })
    }
  }
}
