import type * as z from 'zod'
import { Problem } from '../problems/problem.ts'
import type { Call } from './route.ts'

/** The query through its schema. Throws `invalid_query`, which names the fields. */
export function queryOf<Schema extends z.ZodObject>(
  { hono }: Call,
  schema: Schema,
): z.output<Schema> {
  const repeated = Object.entries(hono.req.queries()).find(([, given]) => given.length > 1)
  // Of two, one would be taken and the other not said to be ignored.
  if (repeated !== undefined) throw new Problem('invalid_query', { detail: 'A field is repeated.' })
  const query = schema.safeParse(hono.req.query())
  if (query.success) return query.data
  const fields = new Set(query.error.issues.map(({ path }) => `\`${String(path[0])}\``))
  throw new Problem('invalid_query', { detail: `Not valid: ${[...fields].join(', ')}.` })
}
