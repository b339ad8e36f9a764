import type * as z from 'zod'

/** Something with named parts, or a TypeError that says what is none. */
export function checkedObject<Value>(name: string, value: Value): Value {
  if (typeof value === 'object' && value !== null) return value
  throw new TypeError(`Expected ${name} to be an object, got ${kindOf(value)}`)
}

/** A function, or a TypeError that names the option. */
export function checkedFunction<Value>(name: string, value: Value): Value {
  if (typeof value === 'function') return value
  throw new TypeError(`Expected \`${name}\` to be a function, got ${kindOf(value)}`)
}

/** A schema, or a TypeError that names the option. */
export function checkedSchema<Schema extends z.ZodType>(name: string, schema: Schema): Schema {
  const given: unknown = schema
  if (typeof given === 'object' && given !== null && '_zod' in given) return schema
  throw new TypeError(`Expected \`${name}\` to be a schema of zod 4, got ${kindOf(given)}`)
}

/** Something that can do all of these, or a TypeError that names the option and what it cannot. */
export function checkedMethods<Value extends object>(
  name: string,
  value: Value,
  methods: readonly (keyof Value & string)[],
): Value {
  checkedObject(`\`${name}\``, value)
  for (const method of methods) checkedFunction(`${name}.${method}`, value[method])
  return value
}

/** Nothing but these names: what is misspelt would have no effect, and nobody would know. Throws TypeError. */
export function checkedNames(what: string, value: object, known: object): void {
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(known, name)) continue
    const names = Object.keys(known).join(', ')
    throw new TypeError(`There is no option \`${name}\` of ${what}: ${names}`)
  }
}

/** A signal, or a TypeError that names the option. */
export function checkedSignal(signal: AbortSignal): AbortSignal {
  const given: unknown = signal
  if (typeof given === 'object' && given !== null && 'aborted' in given) {
    return checkedMethods('signal', signal, ['addEventListener', 'removeEventListener'])
  }
  throw new TypeError(`Expected \`signal\` to be an AbortSignal, got ${kindOf(given)}`)
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value
}
