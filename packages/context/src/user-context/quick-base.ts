// The built-in fields of nearly every context are short plain text. For those, checking by hand takes a fraction of
// what a schema takes; whatever is unusual goes to the schema, which alone refuses and explains.
const longestText = 256
const mostRoles = 256

/**
 * The built-in fields of `input`, copied, in a new object that may still get the application's fields. Undefined
 * where a look at the schema is needed: this only ever accepts what the schema accepts, with the same outcome.
 * Each field is read once, so that what is checked is what comes in.
 */
export function quickBase(
  input: Readonly<Record<string, unknown>>,
  requestId: () => string,
): Record<string, unknown> | undefined {
  const { userId, tenantId, threadId, runId, requestId: given, roles: granted } = input
  if (!isOwnerId(userId)) return undefined
  const tenant = tenantId === '' ? undefined : tenantId
  if (tenant !== undefined && !isOwnerId(tenant)) return undefined
  if (threadId !== undefined && !isPlainText(threadId)) return undefined
  if (runId !== undefined && !isPlainText(runId)) return undefined
  if (given !== undefined && !isPlainText(given)) return undefined
  const roles = quickRoles(granted)
  if (roles === undefined) return undefined
  const named = given ?? requestId()
  // As literals, so that what most contexts have is kept in the object itself.
  const context: Record<string, unknown> =
    tenant === undefined
      ? { userId, requestId: named, roles }
      : { userId, tenantId: tenant, requestId: named, roles }
  if (threadId !== undefined) context['threadId'] = threadId
  if (runId !== undefined) context['runId'] = runId
  return context
}

function quickRoles(roles: unknown): readonly string[] | undefined {
  if (roles === undefined) return Object.freeze([])
  if (!Array.isArray(roles) || roles.length > mostRoles) return undefined
  const copy: readonly unknown[] = [...(roles as readonly unknown[])]
  return copy.length <= mostRoles && areTexts(copy) ? Object.freeze(copy) : undefined
}

function areTexts(values: readonly unknown[]): values is readonly string[] {
  for (const value of values) if (!isPlainText(value)) return false
  return true
}

/** Whether it is a short text of plain characters, which every built-in field but the owner's takes as it is. */
export function isPlainText(value: unknown): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > longestText) return false
  for (let index = 0; index < value.length; index += 1) {
    const code = value.charCodeAt(index)
    if (code < 0x21 || code > 0x7e) return false
  }
  return true
}

function isOwnerId(value: unknown): value is string {
  return isPlainText(value) && !isAccidental(value)
}

/** Whether it is what a missing value turns into when somebody makes a string of it. */
function isAccidental(value: string): boolean {
  const { length } = value
  if (length !== 3 && length !== 4 && length !== 9) return false
  const word = value.toLowerCase()
  return word === 'nan' || word === 'null' || word === 'undefined' || word === 'anonymous'
}
