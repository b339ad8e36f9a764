import { Problem } from '../problems/problem.ts'

/**
 * Parses JSON from outside. Refuses what would be a risk to whoever walks it: nesting deeper than `depth`, and
 * keys named `__proto__`, with which a careless merge changes every object.
 */
export function parseJson(text: string, depth: number): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Problem('malformed_json')
  }
  const open: { readonly node: unknown; readonly level: number }[] = [{ node: value, level: 1 }]
  for (let entry = open.pop(); entry !== undefined; entry = open.pop()) {
    const { node, level } = entry
    if (typeof node !== 'object' || node === null) continue
    if (level > depth) {
      throw new Problem('json_too_deep', { detail: `JSON may be nested ${depth} levels deep.` })
    }
    if (Object.hasOwn(node, '__proto__')) {
      throw new Problem('unsafe_key', { detail: 'A key must not be named "__proto__".' })
    }
    for (const child of Object.values(node)) {
      if (typeof child === 'object' && child !== null) open.push({ node: child, level: level + 1 })
    }
  }
  return value
}
