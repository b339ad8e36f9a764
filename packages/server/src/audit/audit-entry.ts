import * as z from 'zod'

/** Who did it. `nobody` is a client whose credentials did not say who it is. */
export type AuditedActor =
  | { readonly kind: 'user'; readonly userId: string; readonly tenantId?: string | undefined }
  | { readonly kind: 'system'; readonly name: string }
  | { readonly kind: 'nobody' }

/** What it was done to: never what is in it. */
export interface AuditedResource {
  readonly type: string
  readonly id?: string | undefined
  readonly owner?: { readonly userId: string; readonly tenantId?: string | undefined } | undefined
}

/** Where it came from. */
export interface AuditSource {
  readonly requestId?: string | undefined
  readonly scopeId?: string | undefined
  /** The client's address, as `trustProxy` has it. */
  readonly address?: string | undefined
}

/** One line of the log, before it has a place in it. */
export interface NewAuditEntry {
  readonly actor: AuditedActor
  readonly action: string
  readonly resource: AuditedResource
  readonly outcome: 'begun' | 'done' | 'failed' | 'refused'
  /** The stable code of a refusal. */
  readonly code?: string | undefined
  /** Why, in the words of whoever asked for it. */
  readonly reason?: string | undefined
  readonly counts?: Readonly<Record<string, number>> | undefined
  readonly source: AuditSource
}

/** A line of the log. `hash` is over everything before it in the line, `previous` the hash of the line before. */
export interface AuditEntry extends NewAuditEntry {
  /** From 0, without gaps. */
  readonly position: number
  /** ISO 8601, UTC. */
  readonly at: string
  readonly previous: string
  readonly hash: string
}

const text = z.string().max(1_024)
const owner = { userId: text, tenantId: text.optional() }
const hash = z.string().regex(/^[\da-f]{64}$/)

/** The door for lines, new and read back: no field but these is ever written, so that no content can be. */
export const auditEntry: z.ZodType<AuditEntry> = z.strictObject({
  position: z.int().min(0),
  at: z.iso.datetime(),
  actor: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('user'), ...owner }),
    z.strictObject({ kind: z.literal('system'), name: text }),
    z.strictObject({ kind: z.literal('nobody') }),
  ]),
  action: text,
  resource: z.strictObject({
    type: text,
    id: text.optional(),
    owner: z.strictObject(owner).optional(),
  }),
  outcome: z.enum(['begun', 'done', 'failed', 'refused']),
  code: text.optional(),
  reason: text.optional(),
  counts: z.record(z.string(), z.number()).optional(),
  source: z.strictObject({
    requestId: text.optional(),
    scopeId: text.optional(),
    address: text.optional(),
  }),
  previous: hash,
  hash,
})
