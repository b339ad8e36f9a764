import {
  ContextError,
  createImpersonation,
  currentScope,
  defineUserContext,
  sameOwner,
  type Owner,
  type UserContext,
} from '@ringfence/context'
import * as z from 'zod'
import { EngineError } from '../errors/engine-error.ts'
import type { EngineLogger } from '../logger.ts'
import type { AuditStore, NewAuditRecord } from '../store/audit-store.ts'

/** What somebody may do with what is kept. */
export type EngineAction = 'list' | 'read' | 'cancel' | 'approve' | 'delete'

/** What they may do it with. */
export interface EngineResource {
  readonly type: 'run' | 'thread' | 'approval'
  /** Absent where all of an owner's are listed, or deleted. */
  readonly id?: string | undefined
  readonly owner: Owner
}

/**
 * Whether a user may. Asked for one's own as well. Only `true` is a yes; a throw is a no. Decides from what it is
 * given: nothing has been looked up, and whether the resource is there is not known yet.
 */
export type AuthorizeAccess = (
  user: UserContext,
  action: EngineAction,
  resource: EngineResource,
) => boolean | PromiseLike<boolean>

/** What is asked for. */
export interface AccessRequest {
  readonly type: EngineResource['type']
  readonly id?: string | undefined
  /** Undefined: the current owner's. */
  readonly owner: Owner | undefined
  /** The answer to what is not there: also to what is somebody else's, and not allowed. */
  readonly missing?: () => EngineError
}

/**
 * Lets through what is allowed: one's own, unless `authorize` says otherwise. What is somebody else's is done in a
 * scope of theirs, on the audit trail, so that the store is asked as it always is: for the current owner's (I3, I8).
 */
export class Access {
  readonly #authorize: AuthorizeAccess | undefined
  readonly #audit: AuditStore
  readonly #logger: EngineLogger | undefined

  constructor(
    authorize: AuthorizeAccess | undefined,
    audit: AuditStore,
    logger: EngineLogger | undefined,
  ) {
    this.#authorize = authorize
    this.#audit = audit
    this.#logger = logger
  }

  /**
   * Does something in the scope of the owner of what is asked for. Rejects with `FORBIDDEN` where one's own is not
   * allowed, and for somebody else's with what `missing` says, in whatever way it is not to be had.
   */
  async within<Result>(
    action: EngineAction,
    request: AccessRequest,
    operation: () => Promise<Result>,
  ): Promise<Result> {
    const { context, owner: caller } = currentScope()
    const { type, id, owner = caller } = request
    const resource: EngineResource = { type, owner, ...(id === undefined ? {} : { id }) }
    if (!sameOwner(owner, caller)) return this.#asOwner(action, resource, request, operation)
    let allowed = false
    let cause: unknown
    try {
      allowed = await this.#allows(context, action, resource, true)
    } catch (error) {
      cause = error
    }
    if (!allowed) throw forbidden(action, type, cause)
    return operation()
  }

  async #asOwner<Result>(
    action: EngineAction,
    resource: EngineResource,
    { missing }: AccessRequest,
    operation: () => Promise<Result>,
  ): Promise<Result> {
    const { owner, type } = resource
    const impersonation = createImpersonation({
      definition: defineUserContext('ringfence-access', z.object({})),
      authorize: ({ actor }) => this.#allows(actor, action, resource, false),
      audit: (record) => this.#audit.append(lineOf(record, action, resource)),
    })
    try {
      return await impersonation.runAs(
        { ...owner },
        { reason: `${action} a ${type}`, label: `access ${action}` },
        operation,
      )
    } catch (error) {
      if (!ContextError.is(error) || error.code !== 'IMPERSONATION_REFUSED') throw error
      throw missing?.() ?? forbidden(action, type)
    }
  }

  async #allows(
    user: UserContext,
    action: EngineAction,
    resource: EngineResource,
    own: boolean,
  ): Promise<boolean> {
    if (this.#authorize === undefined) return own
    try {
      // A program without types may return an object that only looks like a yes.
      // oxlint-disable-next-line typescript/no-unnecessary-boolean-literal-compare
      return (await this.#authorize(user, action, resource)) === true
    } catch (error) {
      // To whoever asks it is a no like any other.
      this.#logger?.error({ err: error, action, type: resource.type }, 'authorize failed')
      throw error
    }
  }
}

const outcomes = { refused: 'refused', begun: 'begun', ended: 'done', failed: 'failed' } as const

function lineOf(
  { outcome, actor, at }: { outcome: keyof typeof outcomes; actor: Owner; at: string },
  action: EngineAction,
  resource: EngineResource,
): NewAuditRecord {
  return { actor: { kind: 'user', owner: actor }, action, resource, outcome: outcomes[outcome], at }
}

function forbidden(action: EngineAction, type: string, cause?: unknown): EngineError {
  return new EngineError('FORBIDDEN', `You may not ${action} this ${type}.`, { cause })
}
