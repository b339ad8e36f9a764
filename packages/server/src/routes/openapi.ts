import { openapiOf } from '../contract/openapi.ts'
import { jsonResponse } from '../handler/json-response.ts'
import { prefixOf } from '../handler/links.ts'
import type { PublicRoute } from '../handler/route.ts'

/** The contract of the server, as OpenAPI 3.1. The same for everybody. */
export const openapi: PublicRoute = {
  method: 'GET',
  path: '/openapi.json',
  contract: {
    summary: 'This document.',
    answers: { 200: { description: 'OpenAPI 3.1.', schema: 'Document' } },
    problems: [],
  },
  handle(core, hono, exchange) {
    const document = (core.document ??= openapiOf(core.routes))
    const prefix = prefixOf(core, hono, exchange)
    // Without `servers` the paths are taken to begin at the root.
    const servers = prefix === '' ? {} : { servers: [{ url: prefix }] }
    return jsonResponse(exchange, 200, { ...document, ...servers })
  },
}
