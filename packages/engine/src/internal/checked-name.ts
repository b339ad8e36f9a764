const valid = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

/** Names stand in routes, logs and events: short, plain, the same everywhere. Throws TypeError. */
export function checkedName(kind: string, name: string): string {
  const given: unknown = name
  if (typeof given === 'string' && valid.test(given)) return given
  throw new TypeError(
    `Expected the ${kind} name to be 1 to 64 letters, digits, "_", "-" or "." starting with a letter or digit, got "${String(given).slice(0, 100)}"`,
  )
}
