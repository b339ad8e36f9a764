import { openapiOf } from '../contract/openapi.ts'
import { jsonResponse } from '../handler/json-response.ts'
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
  handle: (core, _hono, exchange) =>
    jsonResponse(exchange, 200, (core.document ??= openapiOf(core.routes))),
}
