import type * as z from 'zod'
import {
  checkFunction,
  checkMethods,
  checkObject,
  checkOptions,
  kindOf,
  wrongArgument,
} from '../internal/argument.ts'
import { runtime } from '../internal/runtime.ts'
import { describe, stateOf, violation } from '../internal/violation.ts'
import type { Owner } from '../ownership/owner.ts'
import { runOutside } from '../scope/run-outside.ts'
import { checkScopeOptions } from '../scope/scope-options.ts'
import type { Scope, ScopeOptions } from '../scope/scope.ts'
import type { ContextInputOf, UserContextDefinition } from '../user-context/define-user-context.ts'
import type { UserContext, UserContextInput } from '../user-context/user-context.ts'
import { eitherSignal } from './either-signal.ts'

/** What is asked before anybody acts as somebody else. */
export interface ImpersonationRequest {
  /** Who asks: the context of the scope in which `runAs` was called. */
  readonly actor: UserContext
  /** As whom. Not yet checked by the schema. */
  readonly target: Owner
  readonly reason: string
}

/** One line of the trail. A begun impersonation has a second line when it ends. */
export interface ImpersonationRecord {
  readonly outcome: 'refused' | 'begun' | 'ended' | 'failed'
  readonly actor: Owner
  readonly actorScopeId: string
  readonly target: Owner
  readonly reason: string
  /** ISO 8601, UTC. */
  readonly at: string
}

export interface ImpersonationOptions<Schema extends z.ZodObject> {
  readonly definition: UserContextDefinition<Schema>
  /** Whether the actor may. Mandatory: there is no default that would be right. A throw is a no. */
  authorize(request: ImpersonationRequest): boolean | PromiseLike<boolean>
  /** Keeps the trail. If it fails, nothing runs: what cannot be recorded does not happen. */
  audit(record: ImpersonationRecord): void | PromiseLike<void>
}

/** The capability to act as somebody else. Whoever holds it can ask; `authorize` says whether they may. */
export interface Impersonation<Schema extends z.ZodObject> {
  /**
   * Runs `callback` as the user that `context` names, in a root scope of its own: nothing of the actor's scope
   * is inherited but the lifetime of the call: the actor's scope waits for it and aborts it, also where `signal`
   * names another reason to end. Asked, recorded, and recorded again when it ends. What `callback`
   * detaches goes on as the other user after that line, until its own deadline.
   *
   * Rejects with `IMPERSONATION_REFUSED` (not allowed, or the trail could not be written), `NO_SCOPE` (nobody
   * asks), `SCOPE_CLOSING`, `SYNC_SCOPE`, and as `run` does.
   */
  runAs<Result>(
    context: ContextInputOf<Schema>,
    options: ScopeOptions & { readonly reason: string },
    callback: (scope: Scope) => Result | PromiseLike<Result>,
  ): Promise<Result>
}

/**
 * Makes the one way for a scope's code to act as another owner (I3). Made at start-up and handed to those who
 * need it: it is a capability, not an option of `run`.
 *
 * @example
 * const support = createImpersonation({ definition: users, authorize: isSupportAgent, audit: auditLog.append })
 * await support.runAs({ userId: 'bob', plan: 'free' }, { reason: 'ticket 4711' }, readInbox)
 */
export function createImpersonation<Schema extends z.ZodObject>(
  options: ImpersonationOptions<Schema>,
): Impersonation<Schema> {
  const call = 'createImpersonation()'
  checkOptions(call, 'options', options, { definition: true, authorize: true, audit: true })
  const { definition } = options
  checkMethods(call, 'definition', definition, ['run'])
  checkMethods(call, 'options', options, ['authorize', 'audit'])

  function begin<Result>(
    given: ContextInputOf<Schema>,
    runAsOptions: ScopeOptions & { readonly reason: string },
    callback: (scope: Scope) => Result | PromiseLike<Result>,
  ): Promise<Result> {
    const state = stateOf(runtime().storage.getStore(), 'act as somebody else')
    checkObject('runAs()', 'options', runAsOptions)
    const { reason, ...scopeOptions } = runAsOptions
    if (typeof reason !== 'string' || reason.trim() === '') {
      throw wrongArgument('runAs()', 'reason', 'a sentence that says why', kindOf(reason))
    }
    checkScopeOptions(scopeOptions)
    checkObject('runAs()', 'context', given)
    checkFunction('runAs()', 'callback', callback)
    const { context, target } = readOnce(given)
    const { owner: actor, context: actorContext, scope } = state
    const actorScopeId = scope.id

    const refused = (message: string, cause?: unknown): Error =>
      violation('IMPERSONATION_REFUSED', message, describe(state), cause)

    const record = async (outcome: ImpersonationRecord['outcome']): Promise<void> => {
      const at = new Date().toISOString()
      try {
        await options.audit({ outcome, actor, actorScopeId, target, reason, at })
      } catch (cause) {
        throw refused('Cannot act as somebody else: the audit trail could not be written.', cause)
      }
    }

    // Joined by the actor's scope, and failed with it: nobody may forget that they act as somebody else (I4).
    return scope.spawn('impersonation', act)

    async function act(signal: AbortSignal): Promise<Result> {
      let allowed = false
      try {
        // A program without types may return an object that only looks like a yes.
        // oxlint-disable-next-line typescript/no-unnecessary-boolean-literal-compare
        allowed = (await options.authorize({ actor: actorContext, target, reason })) === true
      } catch (cause) {
        await record('refused')
        throw refused(
          'Cannot act as somebody else: whether it is allowed could not be decided.',
          cause,
        )
      }
      if (!allowed) {
        await record('refused')
        throw refused(
          'Cannot act as somebody else: it was not allowed. Ask for the right, or act as yourself.',
        )
      }
      signal.throwIfAborted()
      await record('begun')
      const limit = eitherSignal(signal, scopeOptions.signal)
      let result: Result
      try {
        result = await runOutside(() =>
          definition.run(
            context,
            { label: 'impersonation', ...scopeOptions, signal: limit.signal },
            callback,
          ),
        )
      } catch (error) {
        await record('failed')
        throw error
      } finally {
        limit.release()
      }
      await record('ended')
      return result
    }
  }

  return Object.freeze<Impersonation<Schema>>({
    runAs: (...parameters) => {
      try {
        return begin(...parameters)
      } catch (error) {
        return Promise.reject(error)
      }
    },
  })
}

/**
 * The context as it is now, and whom it names: what is authorized is what runs, whatever becomes of the object
 * while `authorize` thinks. With the fields that do not enumerate, which are secrets.
 */
function readOnce<Context extends UserContextInput>(
  given: Context,
): { readonly context: Context; readonly target: Owner } {
  const fields = Object.getOwnPropertyNames(given).map((name): [string, PropertyDescriptor] => [
    name,
    { value: Reflect.get(given, name), enumerable: true },
  ])
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const context = Object.create(
    Reflect.getPrototypeOf(given),
    Object.fromEntries(fields),
  ) as Context
  // What every object inherits is not what was given, and will not be what runs.
  const tenantId = Object.hasOwn(context, 'tenantId') ? context.tenantId : undefined
  const { userId } = context
  return {
    context,
    target: Object.freeze(tenantId === undefined ? { userId } : { tenantId, userId }),
  }
}
