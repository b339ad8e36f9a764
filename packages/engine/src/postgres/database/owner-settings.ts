import type { Owner } from '@ringfence/context'
import { toKeyText } from './key-text.ts'
import { literal } from './literal.ts'

/** The settings that the policies of every table compare with. */
export const tenantSetting = 'ringfence.tenant'
export const userSetting = 'ringfence.user_id'

/** An owner as the first two parts of every key: an absent tenant and an empty one are one thing. */
export function ownerValues({ tenantId = '', userId }: Owner): readonly [string, string] {
  return [toKeyText(tenantId), toKeyText(userId)]
}

/**
 * Makes a transaction the owner's, until it ends. `SET LOCAL` and never `SET`: what would outlive the transaction
 * would be the next user's on the same connection. Without an owner no policy matches anything.
 */
export function ownerSettings(owner: Owner | undefined): string {
  const [tenant, userId] = owner === undefined ? ['', ''] : ownerValues(owner)
  return (
    `SET LOCAL search_path = ringfence, pg_temp; SET LOCAL ${tenantSetting} = ${literal(tenant)}; ` +
    `SET LOCAL ${userSetting} = ${literal(userId)}`
  )
}
