import * as z from 'zod'
import { identifier } from '../body/fields.ts'
import { bodyOf, readBody } from '../body/read-body.ts'
import { jsonResponse } from '../handler/json-response.ts'
import { linksOf } from '../handler/links.ts'
import type { Call, OwnedRoute } from '../handler/route.ts'
import { Problem } from '../problems/problem.ts'

const pageSchema = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  before: identifier.optional(),
})

/** One's own runs, newest first. */
export const listRuns: OwnedRoute = {
  method: 'GET',
  path: '/v1/runs',
  action: 'runs.list',
  async handle({ core, hono, exchange }) {
    const { limit, before } = hono.req.query()
    const page = pageSchema.safeParse({ limit, before })
    if (!page.success) {
      throw new Problem('invalid_query', {
        detail: '`limit` is a number from 1 to 100, `before` a value of `next`.',
      })
    }
    const { before: cursor, ...size } = page.data
    const runs = await core.engine.runs(cursor === undefined ? size : { ...size, before: cursor })
    return jsonResponse(exchange, 200, runs)
  },
}

/** One of them. */
export const readRun: OwnedRoute = {
  method: 'GET',
  path: '/v1/runs/:id',
  action: 'runs.read',
  async handle(call) {
    const { core, exchange } = call
    const run = await core.engine.run(runIdOf(call))
    return jsonResponse(exchange, 200, { ...run, links: linksOf(call, run.runId) })
  },
}

/** Ends it, if it has not ended. Answers with the run as it ended. */
export const cancelRun: OwnedRoute = {
  method: 'POST',
  path: '/v1/runs/:id/cancel',
  action: 'runs.cancel',
  async handle(call) {
    const { core, exchange } = call
    await readBody(bodyOf(call), z.strictObject({}), { optional: true })
    const run = await core.engine.cancel(runIdOf(call))
    return jsonResponse(exchange, 200, { ...run, links: linksOf(call, run.runId) })
  },
}

/** The run that the path names, for the log as well. */
export function runIdOf({ hono, exchange }: Call): string {
  const runId = hono.req.param('id') ?? ''
  exchange.runId = runId
  return runId
}
