import { ContextError } from '@ringfence/context'
import type { Context } from 'hono'
import * as z from 'zod'
import { identifier } from '../body/fields.ts'
import { readBody } from '../body/read-body.ts'
import type { Core } from '../handler/core.ts'
import { jsonResponse } from '../handler/json-response.ts'
import type { Exchange } from '../handler/exchange.ts'
import type { PublicRoute } from '../handler/route.ts'
import { isLoopbackAddress, isLoopbackHost } from '../identity/loopback.ts'
import { peerOf } from '../identity/peer.ts'
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
  const source = { core, request: hono.req.raw, owner, signal: exchange.signal }
  const { userId } = await readBody(source, bodySchema, { namesUser: true })
  try {
    const { token, expiresAt } = await core.demo.issue(userId)
    return jsonResponse(exchange, 201, { token, expiresAt: expiresAt.toISOString() })
  } catch (error) {
    if (!ContextError.is(error)) throw error
    throw new Problem('invalid_input', { errors: error.issues })
  }
}

const forwarding = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip']

/**
 * A loopback peer alone could be a proxy for the world, and a loopback Host alone is just a header. A page of
 * another origin cannot pose as one of ours: its Origin says where it comes from.
 */
function isLocal(hono: Context): boolean {
  const header = (name: string): string | undefined => hono.req.header(name)
  const host = header('host')
  const origin = header('origin')
  return (
    isLoopbackAddress(peerOf(hono.env).address) &&
    isLoopbackHost(new URL(hono.req.url).hostname) &&
    host !== undefined &&
    hostOf(`http://${host}`) !== undefined &&
    isLoopbackHost(new URL(`http://${host}`).hostname) &&
    (origin === undefined || hostOf(origin) === hostOf(`http://${host}`)) &&
    forwarding.every((name) => header(name) === undefined)
  )
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined
}
