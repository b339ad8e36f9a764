import type { Context } from 'hono'
import type { Core } from './core.ts'
import type { Exchange } from './exchange.ts'
import type { Call } from './route.ts'

/** Where a run can be read, followed and cancelled. */
export interface RunLinks {
  readonly self: string
  readonly events: string
  readonly cancel: string
}

/** What stands before the route in the path that the client asked for. */
export function prefixOf(core: Core, hono: Context, { route }: Pick<Exchange, 'route'>): string {
  const { pathname } = new URL(hono.req.url)
  const depth = route.split('/').length - 1
  return core.strippedPrefix + pathname.split('/').slice(0, -depth).join('/')
}

/** Links that stand under the same prefix as the request did. */
export function linksOf({ core, hono, exchange }: Call, runId: string): RunLinks {
  const self = `${prefixOf(core, hono, exchange)}/v1/runs/${encodeURIComponent(runId)}`
  return { self, events: `${self}/events`, cancel: `${self}/cancel` }
}
