import { identifier } from '../body/fields.ts'
import { Problem } from '../problems/problem.ts'
import type { Call } from './route.ts'

/** The id in the path. Throws `invalid_query` where it could be nobody's. */
export function pathId({ hono }: Call): string {
  const id = identifier.safeParse(hono.req.param('id'))
  if (id.success) return id.data
  throw new Problem('invalid_query', { detail: 'The id in the path is none.' })
}
