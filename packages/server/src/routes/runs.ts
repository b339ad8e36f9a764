import * as z from 'zod'
import { identifier } from '../body/fields.ts'
import { bodyOf, readBody } from '../body/read-body.ts'
import { jsonResponse } from '../handler/json-response.ts'
import { linksOf } from '../handler/links.ts'
import { refuseLostCursor } from '../handler/lost-cursor.ts'
import { queryOf } from '../handler/query-of.ts'
import type { Call, OwnedRoute } from '../handler/route.ts'

const pageSchema = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  before: identifier.optional(),
  threadId: identifier.optional(),
})

const cancelSchema = z.strictObject({})

/** One's own runs, newest first. */
export const listRuns: OwnedRoute = {
  method: 'GET',
  path: '/v1/runs',
  contract: {
    summary: "One's own runs, newest first; all of them, or those of one thread.",
    query: pageSchema,
    answers: { 200: { description: 'A page of them.', schema: 'RunPage' } },
    problems: ['invalid_query', 'invalid_cursor'],
  },
  action: 'runs.list',
  async handle(call) {
    const { core, exchange } = call
    const { before: cursor, ...size } = queryOf(call, pageSchema)
    const runs = await core.engine
      .runs(cursor === undefined ? size : { ...size, before: cursor })
      .catch(refuseLostCursor('run'))
    return jsonResponse(exchange, 200, runs)
  },
}

/** One of them. */
export const readRun: OwnedRoute = {
  method: 'GET',
  path: '/v1/runs/:id',
  contract: {
    summary: 'One of them.',
    answers: { 200: { description: 'The run.', schema: 'Run' } },
    problems: ['run_not_found'],
  },
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
  contract: {
    summary: 'Ends a run, if it has not ended.',
    body: cancelSchema,
    bodyOptional: true,
    answers: { 200: { description: 'The run as it ended.', schema: 'Run' } },
    problems: ['run_not_found'],
  },
  action: 'runs.cancel',
  async handle(call) {
    const { core, exchange } = call
    await readBody(bodyOf(call), cancelSchema, { optional: true })
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
