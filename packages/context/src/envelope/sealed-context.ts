import { EnvelopeError } from './envelope-error.ts'

/**
 * A context as JSON can carry it. Secret fields stay behind unless `secrets` names them, by their path without
 * indexes (`vault.token`). Refuses what would not arrive as it left: `bigint`, `NaN`, infinities.
 */
export function sealedContext(
  context: object,
  secrets: ReadonlySet<string>,
): Record<string, unknown> {
  return fieldsOf(context, '', secrets)
}

function fieldsOf(
  value: object,
  path: string,
  secrets: ReadonlySet<string>,
): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
    const fieldPath = path === '' ? name : `${path}.${name}`
    if (descriptor.enumerable !== true && !secrets.has(fieldPath)) continue
    copy[name] = carried(Reflect.get(value, name), fieldPath, secrets)
  }
  return copy
}

function carried(value: unknown, path: string, secrets: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => carried(item, path, secrets))
  if (typeof value === 'object' && value !== null) return fieldsOf(value, path, secrets)
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) {
    throw new EnvelopeError(
      'UNSEALABLE',
      `Cannot seal the context: "${path}" is a ${typeof value} that JSON has no word for. Keep it as a string.`,
    )
  }
  return value
}
