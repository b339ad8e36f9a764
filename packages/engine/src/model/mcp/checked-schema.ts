import * as z from 'zod'

type JsonSchema = Parameters<typeof z.fromJSONSchema>[0]

/** Keywords that hold schemas by names of somebody's choosing. */
const named = new Set(['properties', '$defs', 'definitions', 'dependentSchemas'])
/** Keywords that hold values, and no schemas. */
const values = new Set(['const', 'default', 'enum', 'examples'])

/**
 * A server's schema as what is given is checked by, or undefined where it says what zod cannot check: then the server is
 * the one who checks. So it is for patterns: a regular expression of somebody else's can take minutes for thirty
 * characters, and everybody's turn with them.
 */
export function checkedSchema(schema: object): z.ZodType | undefined {
  try {
    // It throws for what it cannot read, and that is what is asked here.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const checked = z.fromJSONSchema(withoutPatterns(schema) as JsonSchema)
    // One that refers to itself and to nothing else throws when it is used.
    for (const sample of [undefined, {}]) checked.safeParse(sample)
    return checked
  } catch {
    return undefined
  }
}

function withoutPatterns(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutPatterns)
  if (typeof schema !== 'object' || schema === null) return schema
  const open = 'patternProperties' in schema
  const kept: [string, unknown][] = []
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === 'pattern' || keyword === 'patternProperties') continue
    // What a pattern would have let in is not refused by what comes after it.
    if (open && (keyword === 'additionalProperties' || keyword === 'unevaluatedProperties'))
      continue
    if (values.has(keyword)) kept.push([keyword, value])
    else if (named.has(keyword)) kept.push([keyword, each(value)])
    else kept.push([keyword, withoutPatterns(value)])
  }
  return Object.fromEntries(kept)
}

function each(schemas: unknown): unknown {
  if (typeof schemas !== 'object' || schemas === null) return schemas
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name, withoutPatterns(schema)]),
  )
}
