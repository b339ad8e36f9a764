import type * as z from 'zod'
import type { HandlerLimits } from '../handler/limits.ts'
import { refuseUserFields } from '../identity/user-fields.ts'
import { Problem } from '../problems/problem.ts'
import { checkFits } from './check-fits.ts'
import { parseJson } from './parse-json.ts'
import { readBytes } from './read-bytes.ts'

export interface BodyOptions {
  /** An empty body stands for an empty object. Default: false. */
  readonly optional?: boolean
  /** The body may name a user: for issuing tokens, and nothing else. Default: false. */
  readonly namesUser?: boolean
}

/** Reads a JSON body through a schema. Each way in which it can be wrong has a status of its own. */
export async function readBody<Schema extends z.ZodType>(
  request: Request,
  limits: HandlerLimits,
  schema: Schema,
  { optional = false, namesUser = false }: BodyOptions = {},
): Promise<z.output<Schema>> {
  const type = request.headers.get('content-type')
  const encoding = request.headers.get('content-encoding') ?? 'identity'
  const typed = type !== null && isJson(type)
  if ((type !== null && !typed) || encoding !== 'identity') throw unsupported()
  const bytes = await readBytes(request, limits.bodyBytes)
  if (optional && bytes.length === 0) return checkFits(schema, {})
  if (!typed) throw unsupported()
  const value = parseJson(decode(bytes), limits.jsonDepth)
  if (!namesUser && typeof value === 'object' && value !== null) {
    refuseUserFields(Object.keys(value), 'body')
  }
  return checkFits(schema, value)
}

const json = /^application\/(?:[\w.+-]+\+)?json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i

function isJson(type: string): boolean {
  return json.test(type)
}

function unsupported(): Problem {
  return new Problem('unsupported_media_type', {
    detail: 'Send the body as application/json in UTF-8, not compressed.',
  })
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Problem('malformed_json', { detail: 'The body is not UTF-8.' })
  }
}
