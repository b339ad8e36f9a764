import type { Owner } from '@ringfence/context'

/** Whose a row is. A tenant that is empty is none. */
export function ownerOfRow({
  tenant,
  user_id: userId,
}: {
  tenant: string
  user_id: string
}): Owner {
  return tenant === '' ? { userId } : { tenantId: tenant, userId }
}
