/** The fields of every user context, as `current()` returns them: frozen. */
export interface UserContext {
  readonly userId: string
  readonly tenantId?: string
  readonly threadId?: string
  readonly runId?: string
  readonly requestId: string
  readonly roles: readonly string[]
}

/** What `run` takes for the fields of every user context. */
export interface UserContextInput {
  readonly userId: string
  readonly tenantId?: string | undefined
  readonly threadId?: string | undefined
  readonly runId?: string | undefined
  readonly requestId?: string | undefined
  readonly roles?: readonly string[] | undefined
}

/** What a child scope may add or narrow; never whose it is. */
export interface ContextAdditions {
  readonly threadId?: string | undefined
  readonly runId?: string | undefined
  readonly requestId?: string | undefined
  readonly roles?: readonly string[] | undefined
  readonly [field: string]: unknown
}

/** The part of a definition that scopes need: how to check a context, whole or added to. */
export interface ContextDefinition {
  readonly name: string
  parse(input: unknown, requestId: () => string): UserContext
  extend(inherited: UserContext, additions: ContextAdditions): UserContext
}

/** `T` with everything below it read-only, as it is frozen at run time. */
export type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T
