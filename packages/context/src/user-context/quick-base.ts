// The built-in fields of nearly every context are short plain text. For those, checking by hand takes a tenth of
// what a schema takes; whatever is unusual goes to the schema, which alone refuses and explains.
const plainText = /^[!-~]{1,256}$/
const mostRoles = 256
const accidental = new Set(['undefined', 'null', 'nan', 'anonymous'])

/**
 * The built-in fields of `input`, copied, in a new object that may still get the application's fields. Undefined
 * where a look at the schema is needed: this only ever accepts what the schema accepts, with the same outcome.
 */
export function quickBase(
  input: object,
  requestId: () => string,
): Record<string, unknown> | undefined {
  if (!('userId' in input) || !isOwnerId(input.userId)) return undefined
  const context: Record<string, unknown> = { userId: input.userId }
  if ('tenantId' in input && input.tenantId !== undefined && input.tenantId !== '') {
    if (!isOwnerId(input.tenantId)) return undefined
    context['tenantId'] = input.tenantId
  }
  if ('threadId' in input && input.threadId !== undefined) {
    if (!isPlainText(input.threadId)) return undefined
    context['threadId'] = input.threadId
  }
  if ('runId' in input && input.runId !== undefined) {
    if (!isPlainText(input.runId)) return undefined
    context['runId'] = input.runId
  }
  const roles = 'roles' in input ? quickRoles(input.roles) : noRoles()
  if (roles === undefined) return undefined
  context['roles'] = roles
  if ('requestId' in input && input.requestId !== undefined) {
    if (!isPlainText(input.requestId)) return undefined
    context['requestId'] = input.requestId
  } else context['requestId'] = requestId()
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
