import { ContextError } from '@ringfence/context'
import type { Context } from 'hono'
import * as z from 'zod'
import { identifier } from '../body/fields.ts'
import { readBody } from '../body/read-body.ts'
import type { Core } from '../handler/core.ts'
import { jsonResponse } from '../handler/json-response.ts'
import type { Exchange } from '../handler/exchange.ts'
import type { PublicRoute } from '../handler/route.ts'
import { isLocal } from './is-local.ts'
import { Problem } from '../problems/problem.ts'

const bodySchema = z.strictObject({ userId: identifier })

/** A token for any user, to whoever sits at this machine; to everybody else there is no such route. */
export const demoRoute: PublicRoute = {
  method: 'POST',
  path: '/demo/tokens',
  contract: {
    summary: 'A token for any user, for whoever sits at this machine.',
    body: bodySchema,
    answers: { 201: { description: 'The token.', schema: 'Token' } },
    problems: ['route_not_found'],
  },
  handle: issue,
}

// No owner is spelled like this.
const owner = 'demo'

async function issue(core: Core, hono: Context, exchange: Exchange): Promise<Response> {
  if (core.demo === undefined || !isLocal(hono)) throw new Problem('route_not_found')
  const source = { core, request: hono.req, owner, signal: exchange.signal }
  const { userId } = await readBody(source, bodySchema, { namesUser: true })
  try {
    const { token, expiresAt } = await core.demo.issue(userId)
    return jsonResponse(exchange, 201, { token, expiresAt: expiresAt.toISOString() })
  } catch (error) {
    if (!ContextError.is(error)) throw error
    throw new Problem('invalid_input', { errors: error.issues })
  }
}
