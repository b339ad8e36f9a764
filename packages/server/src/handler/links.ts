import type { Call } from './route.ts'

/** Where a run can be read, followed and cancelled. */
export interface RunLinks {
  readonly self: string
  readonly events: string
  readonly cancel: string
}

/** Links that stand under the same prefix as the request did. */
export function linksOf({ core, hono, exchange }: Call, runId: string): RunLinks {
  const { pathname } = new URL(hono.req.url)
  const depth = exchange.route.split('/').length - 1
  const prefix = core.strippedPrefix + pathname.split('/').slice(0, -depth).join('/')
  const self = `${prefix}/v1/runs/${encodeURIComponent(runId)}`
  return { self, events: `${self}/events`, cancel: `${self}/cancel` }
}
