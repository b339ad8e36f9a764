import type { Owner } from '@ringfence/context'

/** Who did it: a user for another one, or the system scope, which has no user. */
export type AuditActor =
  | { readonly kind: 'user'; readonly owner: Owner }
  | { readonly kind: 'system'; readonly name: string }

export interface AuditResource {
  readonly type: string
  readonly id?: string | undefined
  /** Whose it is. */
  readonly owner?: Owner | undefined
}

/** One line of the trail: who did what, to what, and what became of it. */
export interface NewAuditRecord {
  readonly actor: AuditActor
  readonly action: string
  readonly resource: AuditResource
  readonly outcome: 'begun' | 'done' | 'failed' | 'refused'
  /** Why, in the words of whoever asked. */
  readonly reason?: string | undefined
  /** Counts of what was touched; never content. */
  readonly counts?: Readonly<Record<string, number>> | undefined
  /** ISO 8601, UTC. */
  readonly at: string
}

export interface AuditRecord extends NewAuditRecord {
  /** Counts from 0 without gaps. */
  readonly position: number
}

export interface AuditPage {
  /** In the order in which they were written. */
  readonly records: readonly AuditRecord[]
  /** What to pass as `after` for the next page; absent on the last. */
  readonly next?: number | undefined
}

/** The trail of what crossed owners. Can be added to and read, never changed. */
export interface AuditStore {
  append(record: NewAuditRecord): Promise<void>

  /** A page of the trail, oldest first. In the system scope only: the trail is nobody's own. Throws `SYSTEM_ONLY`. */
  read(page?: {
    readonly after?: number | undefined
    readonly limit?: number | undefined
  }): Promise<AuditPage>
}
