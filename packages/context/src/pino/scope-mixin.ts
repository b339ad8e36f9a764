import { createHmac } from 'node:crypto'
import { checkOptions, kindOf, wrongArgument } from '../internal/argument.ts'
import { ArgumentError } from '../argument-error.ts'
import { canonicalOwner, type Owner } from '../ownership/owner.ts'
import { tryCurrentScope } from '../scope/current-scope.ts'
import type { UserContext } from '../user-context/user-context.ts'

/** What a log line says of the scope it was written in. */
export interface ScopeBindings {
  scopeId?: string
  requestId?: string
  runId?: string
  threadId?: string
  owner?: string
}

/** What else log lines say. */
export interface ScopeMixinOptions {
  /**
   * Adds `owner`: a pseudonym, the same for one owner in every process that has this key, and of no use
   * without it. At least 16 bytes; whoever has the key can tell whose line it is by trying. Default: none.
   */
  readonly ownerKey?: string | Uint8Array
}

const shortestKey = 16
const unitsOfWork = ['requestId', 'runId', 'threadId'] as const

/**
 * A `mixin` for pino: every line written in a scope says which one, for which request, run and thread. Never a
 * user's id, a role, or a field of the application's own. Outside scopes, and after the scope's end, it adds
 * nothing; it never throws. What the line itself says under these names stands.
 *
 * @example
 * const logger = pino({ mixin: scopeMixin() })
 */
export function scopeMixin(options: ScopeMixinOptions = {}): () => ScopeBindings {
  checkOptions('scopeMixin()', 'options', options, { ownerKey: true })
  const { ownerKey } = options
  if (ownerKey !== undefined && typeof ownerKey !== 'string') {
    if (!(ownerKey instanceof Uint8Array)) {
      throw wrongArgument('scopeMixin()', 'ownerKey', 'a string or bytes', kindOf(ownerKey))
    }
  }
  if (ownerKey !== undefined && bytesOf(ownerKey) < shortestKey) {
    throw new ArgumentError(`Expected \`ownerKey\` to have at least ${shortestKey} bytes`)
  }
  // All scopes of one root share their owner's object, and it goes with them.
  const pseudonyms = new WeakMap<Owner, string>()

  function pseudonymOf(owner: Owner, key: string | Uint8Array): string {
    const known = pseudonyms.get(owner)
    if (known !== undefined) return known
    const made = createHmac('sha256', key).update(canonicalOwner(owner)).digest('base64url')
    const short = made.slice(0, 16)
    pseudonyms.set(owner, short)
    return short
  }

  return () => {
    const scope = tryCurrentScope()
    // A new object each time: pino writes the line's own fields into it.
    const bindings: ScopeBindings = {}
    if (scope === undefined) return bindings
    bindings.scopeId = scope.id
    const { context } = scope
    for (const name of unitsOfWork) {
      const value = shown(context, name)
      if (value !== undefined) bindings[name] = value
    }
    if (ownerKey !== undefined) bindings.owner = pseudonymOf(scope.owner, ownerKey)
    return bindings
  }
}

/** A field, unless the application's schema marks it as secret. */
function shown(context: UserContext, name: (typeof unitsOfWork)[number]): string | undefined {
  return Object.prototype.propertyIsEnumerable.call(context, name) ? context[name] : undefined
}

function bytesOf(key: string | Uint8Array): number {
  return typeof key === 'string' ? new TextEncoder().encode(key).length : key.byteLength
}
