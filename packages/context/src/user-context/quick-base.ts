// The built-in fields of nearly every context are short plain text. For those, checking by hand takes a tenth of
// what a schema takes; whatever is unusual goes to the schema, which alone refuses and explains.
const plainText = /^[!-~]{1,256}$/
const mostRoles = 256
const accidental = new Set(['undefined', 'null', 'nan', 'anonymous'])

/**
 * The built-in fields of `input`, copied, in a new object that may still get the application's fields. Undefined
 * where a look at the schema is needed: this only ever accepts what the schema accepts, with the same outcome.
 * Each field is read once, so that what is checked is what comes in.
 */
export function quickBase(
  input: Readonly<Record<string, unknown>>,
  requestId: () => string,
): Record<string, unknown> | undefined {
  const { userId, tenantId, threadId, runId, requestId: given, roles } = input
  if (!isOwnerId(userId)) return undefined
  const context: Record<string, unknown> = { userId }
  if (tenantId !== undefined && tenantId !== '') {
    if (!isOwnerId(tenantId)) return undefined
    context['tenantId'] = tenantId
  }
  if (threadId !== undefined) {
    if (!isPlainText(threadId)) return undefined
    context['threadId'] = threadId
  }
  if (runId !== undefined) {
    if (!isPlainText(runId)) return undefined
    context['runId'] = runId
  }
  const copied = quickRoles(roles)
  if (copied === undefined) return undefined
  context['roles'] = copied
  if (given !== undefined && !isPlainText(given)) return undefined
  context['requestId'] = given ?? requestId()
  return context
}

function quickRoles(roles: unknown): readonly string[] | undefined {
  if (roles === undefined) return noRoles()
  if (!Array.isArray(roles) || roles.length > mostRoles) return undefined
  const copy: string[] = []
  for (const role of roles as readonly unknown[]) {
    if (!isPlainText(role)) return undefined
    copy.push(role)
  }
  return Object.freeze(copy)
}

function noRoles(): readonly string[] {
  return Object.freeze([])
}

function isPlainText(value: unknown): value is string {
  return typeof value === 'string' && plainText.test(value)
}

function isOwnerId(value: unknown): value is string {
  return isPlainText(value) && (value.length > 9 || !accidental.has(value.toLowerCase()))
}
