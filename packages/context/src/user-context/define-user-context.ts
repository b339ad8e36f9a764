import type * as z from 'zod'
import { describe, noScope, scopeClosed, violation } from '../internal/violation.ts'
import { warnOfModuleCapture } from '../diagnostics/module-capture.ts'
import { runtime } from '../internal/runtime.ts'
import { openRun, openRunSync } from '../scope/run.ts'
import { openChild } from '../scope/child.ts'
import { openResponse, type RespondOptions } from '../scope/respond.ts'
import type { Scope, ScopeOptions } from '../scope/scope.ts'
import { createContextSchema } from './context-schema.ts'
import type { DeepReadonly, UserContext, UserContextInput } from './user-context.ts'

// A schema without fields is typed as a record of `never`, which would forbid the built-in ones too.
type FieldsOf<Fields> = [Fields] extends [Record<string, never>] ? unknown : Fields

/** What a definition's `run` takes: the built-in fields and the application's own, before the schema. */
export type ContextInputOf<Schema extends z.ZodObject> = UserContextInput &
  FieldsOf<z.input<Schema>>

/** What a definition's `current` returns: the built-in fields and the application's own, frozen. */
export type ContextOf<Schema extends z.ZodObject> = UserContext &
  DeepReadonly<FieldsOf<z.output<Schema>>>

/** What a child scope may add to, or narrow in, a definition's context. */
export type AdditionsOf<Schema extends z.ZodObject> = Partial<
  Omit<UserContextInput, 'userId' | 'tenantId'> & FieldsOf<z.input<Schema>>
>

/** A kind of user context: how it is checked on its way in, and how code reads it. */
export interface UserContextDefinition<Schema extends z.ZodObject> {
  readonly name: string

  /**
   * Opens a scope for the user that `context` names, runs `callback` in it, and closes the scope when the
   * callback and all that it spawned have ended. The only way in (I2). Inside an open scope of the same
   * owner, the new one is its child: it ends no later and inherits abort and deadline.
   *
   * Resolves with what the callback returned. Rejects with what it threw, with `INVALID_CONTEXT` (before
   * the callback runs), with `CROSS_OWNER` when an open scope of another owner surrounds the call (I3), or
   * with `DEADLINE_EXCEEDED`. Errors of cleanups are thrown too, with the earlier error in `suppressed`.
   *
   * @example
   * await users.run({ userId: 'alice', plan: 'pro' }, async (scope) => {
   *   scope.defer(() => connection.release())
   *   return users.current().plan // => 'pro'
   * })
   */
  run<Result>(
    context: ContextInputOf<Schema>,
    callback: (scope: Scope) => Result | PromiseLike<Result>,
  ): Promise<Result>
  run<Result>(
    context: ContextInputOf<Schema>,
    options: ScopeOptions,
    callback: (scope: Scope) => Result | PromiseLike<Result>,
  ): Promise<Result>

  /**
   * `run` for a request: resolves with the response as soon as the handler has it, while the scope stays open
   * until the body has ended, failed, been cancelled, or gone unread for `idleMs` (I4). The body is produced in
   * the scope, whoever reads it (I7). Rejects as `run` does, but not after the response was handed out.
   *
   * @example
   * return users.respond({ userId }, () => new Response(report()))
   */
  respond(
    context: ContextInputOf<Schema>,
    handler: (scope: Scope) => Response | PromiseLike<Response>,
  ): Promise<Response>
  respond(
    context: ContextInputOf<Schema>,
    options: RespondOptions,
    handler: (scope: Scope) => Response | PromiseLike<Response>,
  ): Promise<Response>

  /**
   * `run` for synchronous code: returns what the callback returned, and throws where `run` rejects. Such a
   * scope refuses `spawn`, `detach`, an asynchronous cleanup and a callback that returns a promise with
   * `SYNC_SCOPE`.
   */
  runSync<Result>(context: ContextInputOf<Schema>, callback: (scope: Scope) => Result): Result

  /**
   * Opens a scope inside the current one with some fields added or narrowed. What is inherited is never
   * parsed again; the owner never changes. A field that is set can only be narrowed: an array to some of
   * its items. Only `requestId` and `runId`, which name the work and not the right to it, may be replaced.
   *
   * Rejects with `NO_SCOPE`, `SCOPE_CLOSING`, `SCOPE_CLOSED`, `CONTEXT_MISMATCH`, `INVALID_CONTEXT`, and
   * `CROSS_OWNER` for an attempt to name another user or tenant.
   */
  child<Result>(
    additions: AdditionsOf<Schema>,
    callback: (scope: Scope) => Result | PromiseLike<Result>,
  ): Promise<Result>
  child<Result>(
    additions: AdditionsOf<Schema>,
    options: ScopeOptions,
    callback: (scope: Scope) => Result | PromiseLike<Result>,
  ): Promise<Result>

  /**
   * The user context of the code that asks: frozen, typed. Throws `NO_SCOPE` outside every scope (I1: there
   * is no default user), `SCOPE_CLOSED` in work that outlived its scope (I5), and `CONTEXT_MISMATCH` in a
   * scope that another definition opened.
   */
  current(): ContextOf<Schema>

  /** `current()`, or undefined where `current()` would throw. For code that runs inside and outside scopes, such as a logger. */
  tryCurrent(): ContextOf<Schema> | undefined
}

/**
 * Defines a kind of user context. `schema` adds the application's fields to `userId`, `tenantId?`,
 * `threadId?`, `runId?`, `requestId` and `roles`; it must be synchronous, and its output plain data.
 * Defining does nothing but define (I12).
 *
 * @example
 * export const users = defineUserContext('app-user', z.object({ plan: z.enum(['free', 'pro']) }))
 */
export function defineUserContext<Schema extends z.ZodObject>(
  name: string,
  schema: Schema,
): UserContextDefinition<Schema> {
  const contextSchema = createContextSchema(name, schema)

  // What this definition's schema let through, by parse() or extend(), is what its type says.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const typed = (context: UserContext): ContextOf<Schema> => context as ContextOf<Schema>

  function current(): ContextOf<Schema> {
    const { storage, sites } = runtime()
    const frame = storage.getStore()
    const cell = frame?.cell
    if (cell === undefined) throw noScope(`read "${name}"`)
    const state = cell.state
    if (state === undefined) throw scopeClosed(cell, `read "${name}"`, frame?.work)
    if (state.definition !== contextSchema) {
      throw violation(
        'CONTEXT_MISMATCH',
        `Cannot read "${name}": the current scope was opened by "${state.definition.name}". ` +
          `Open a scope with the run() of "${name}", or read through the definition that opened this one.`,
        describe(state),
      )
    }
    if (sites) warnOfModuleCapture(`read "${name}"`)
    return typed(state.context)
  }

  function tryCurrent(): ContextOf<Schema> | undefined {
    const state = runtime().storage.getStore()?.cell?.state
    return state === undefined || state.definition !== contextSchema
      ? undefined
      : typed(state.context)
  }

  function run<Result>(
    context: ContextInputOf<Schema>,
    ...rest: OptionsThenCallback<Result>
  ): Promise<Result> {
    return rest.length === 1
      ? openRun(contextSchema, context, undefined, rest[0])
      : openRun(contextSchema, context, rest[0], rest[1])
  }

  function child<Result>(
    additions: AdditionsOf<Schema>,
    ...rest: OptionsThenCallback<Result>
  ): Promise<Result> {
    return rest.length === 1
      ? openChild(additions, undefined, rest[0], contextSchema)
      : openChild(additions, rest[0], rest[1], contextSchema)
  }

  return Object.freeze({
    name,
    run,
    runSync: <Result>(context: ContextInputOf<Schema>, callback: (scope: Scope) => Result) =>
      openRunSync(contextSchema, context, callback),
    respond: (
      context: ContextInputOf<Schema>,
      ...rest:
        | [handler: (scope: Scope) => Response | PromiseLike<Response>]
        | [options: RespondOptions, handler: (scope: Scope) => Response | PromiseLike<Response>]
    ) => {
      const [options, handler] = rest.length === 1 ? [{}, rest[0]] : rest
      return openResponse(contextSchema, context, options, handler)
    },
    child,
    current,
    tryCurrent,
  })
}

type OptionsThenCallback<Result> =
  | [callback: (scope: Scope) => Result | PromiseLike<Result>]
  | [options: ScopeOptions, callback: (scope: Scope) => Result | PromiseLike<Result>]
