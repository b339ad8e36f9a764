const valid = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

/** Names stand in routes, logs and events: short, plain, the same everywhere. Throws TypeError. */
export function checkedName(kind: string, name: string): string {
  if (typeof name === 'string' && valid.test(name)) return name
  throw new TypeError(
    `Expected the ${kind} name to be 1 to 64 letters, digits, "_", "-" or "." starting with a letter or digit, got "${String(name).slice(0, 100)}"`,
  )
}
