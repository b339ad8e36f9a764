import type { Owner } from '@ringfence/context'
import * as z from 'zod'
import { toKeyText } from '../database/key-text.ts'
import { ownerOfRow } from '../database/owner-of-row.ts'

/** What travels in a job: whose run it is, and their context, sealed. The input stays with the run. */
export interface RunJob {
  readonly tenantId?: string | undefined
  readonly userId: string
  readonly runId: string
  readonly envelope: string
  /** Epoch milliseconds by which it ends, wherever it is. Jobs of older versions have none. */
  readonly deadline?: number | undefined
}

export const runJob: z.ZodType<RunJob> = z.object({
  tenantId: z.string().optional(),
  userId: z.string().min(1),
  runId: z.string().min(1),
  // One that is missing is refused as one that does not open is: its run has an end.
  envelope: z.string().catch(''),
  deadline: z.number().optional(),
})

/** What the run's input is stored as. */
export interface StoredInput {
  readonly input?: unknown
  readonly depth: number
}

export const storedInput: z.ZodType<StoredInput> = z.object({
  input: z.unknown().optional(),
  depth: z.int().min(0),
})

export function ownerOf({ tenantId = '', userId }: RunJob): Owner {
  return ownerOfRow({ tenant: tenantId, user_id: userId })
}

/** The group whose jobs are limited together: its owner's. */
export function groupOf({ tenantId = '', userId }: Owner): string {
  return toKeyText(`${tenantId.length}:${tenantId}${userId.length}:${userId}`)
}
