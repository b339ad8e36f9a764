import * as z from 'zod'
import { bodyOf, readBody } from '../body/read-body.ts'
import { jsonResponse } from '../handler/json-response.ts'
import type { OwnedRoute } from '../handler/route.ts'

const bodySchema = z.strictObject({ purpose: z.enum(['socket', 'stream']) })

/** A one-use ticket for a WebSocket or an `EventSource`, bound to who asks and from which origin. */
export const issueTicket: OwnedRoute = {
  method: 'POST',
  path: '/v1/tickets',
  contract: {
    summary: 'A one-use ticket for a WebSocket or an `EventSource`.',
    body: bodySchema,
    answers: { 201: { description: 'The ticket.', schema: 'Ticket' } },
    problems: ['too_many_tickets', 'queue_full'],
  },
  action: 'tickets.issue',
  async handle(call) {
    const { core, hono, exchange, identity } = call
    const { purpose } = await readBody(bodyOf(call), bodySchema)
    const { ticket, expiresAt } = await core.tickets.issue(
      identity,
      purpose,
      hono.req.header('origin'),
    )
    return jsonResponse(exchange, 201, {
      ticket,
      expiresAt: new Date(expiresAt).toISOString(),
    })
  },
}
