import { canonicalOwner } from '@ringfence/context'
import type { HonoRequest } from 'hono'
import type * as z from 'zod'
import type { Core } from '../handler/core.ts'
import type { Call } from '../handler/route.ts'
import { refuseUserFields } from '../identity/user-fields.ts'
import { Problem } from '../problems/problem.ts'
import type { BodyHold } from './body-budget.ts'
import { checkFits } from './check-fits.ts'
import { parseJson } from './parse-json.ts'
import { readAgain, wasRead } from './read-again.ts'
import { readBytes } from './read-bytes.ts'

export interface BodyOptions {
  /** An empty body stands for an empty object. Default: false. */
  readonly optional?: boolean
  /** The body may name a user: for issuing tokens, and nothing else. Default: false. */
  readonly namesUser?: boolean
}

/** A request with a body, and who it is from. */
export interface BodySource {
  readonly core: Pick<Core, 'limits' | 'bodies'>
  readonly request: HonoRequest
  /** Whose bytes they are, in the owner's canonical spelling. */
  readonly owner: string
  /** Ends the reading. */
  readonly signal: AbortSignal
}

/** The body of a request that has been let in. */
export function bodyOf({ core, hono, scope }: Call): BodySource {
  return {
    core,
    request: hono.req,
    owner: canonicalOwner(scope.owner),
    signal: scope.signal,
  }
}

/**
 * Reads a JSON body through a schema. Each way in which it can be wrong has a status of its own. What it holds
 * of the owner's budget is given back when this settles.
 */
export async function readBody<Schema extends z.ZodType>(
  source: BodySource,
  schema: Schema,
  options: BodyOptions = {},
): Promise<z.output<Schema>> {
  const hold = source.core.bodies.hold(source.owner)
  try {
    return await readHeld(source, hold, schema, options)
  } finally {
    hold.release()
  }
}

async function readHeld<Schema extends z.ZodType>(
  { core: { limits }, request, signal }: BodySource,
  hold: BodyHold,
  schema: Schema,
  { optional = false, namesUser = false }: BodyOptions,
): Promise<z.output<Schema>> {
  const { headers } = request.raw
  const type = headers.get('content-type')
  const encoding = headers.get('content-encoding') ?? 'identity'
  const typed = type !== null && isJson(type)
  if ((type !== null && !typed) || encoding !== 'identity') throw unsupported()
  const reading = { limit: limits.bodyBytes, hold, signal }
  const bytes = wasRead(request)
    ? await readAgain(request, reading)
    : await readBytes(request.raw, reading)
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
