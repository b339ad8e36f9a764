import * as z from 'zod'
import { identifier } from '../body/fields.ts'

const accidental = new Set(['undefined', 'null', 'nan', '[object object]', 'anonymous'])

/** An id that a scope opens for: what a missing value turns into when it is made a string is none. */
const ownerId = identifier.refine((value) => !accidental.has(value.trim().toLowerCase()))

const ownerSchema = z.object({
  userId: ownerId,
  tenantId: z.union([z.literal(''), ownerId]).optional(),
  roles: z.array(identifier).max(256).optional(),
})

/** Whether a scope would open for whom these claims stand for. */
export function isOwner(identity: object): boolean {
  return ownerSchema.safeParse(identity).success
}
