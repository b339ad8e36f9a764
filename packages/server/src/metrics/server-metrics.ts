import { monitorEventLoopDelay } from 'node:perf_hooks'
import { inspect } from '@ringfence/context'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Core } from '../handler/core.ts'
import type { Exchange } from '../handler/exchange.ts'

export interface MetricsOptions {
  /** 0 takes a free one. */
  readonly port: number
  /** Default: `127.0.0.1`. There is no authentication: only let those reach it who may see it. */
  readonly host?: string
  /** A registry of `prom-client` to add to, the host's own for instance. Default: a new one. */
  readonly registry?: Registry
  /** Calls of what is deprecated so far: `legacy.report().calls` of the engine's `/compat`. Default: not told. */
  readonly deprecatedCalls?: () => number
}

/** What a server measures of itself. */
export interface ServerMetrics {
  readonly registry: Registry
  observe(exchange: Exchange, status: number, seconds: number): void
  /** Stops measuring. What was measured can still be read. */
  stop(): void
}

/**
 * Rates, errors and durations of requests by route, and the figures that isolation and limits turn on. No label
 * names a user, and none can take more values than there are routes, methods and codes.
 */
export function measureServer(
  core: Core,
  { registry = new Registry(), deprecatedCalls }: Partial<MetricsOptions>,
): ServerMetrics {
  const requests = new Counter({
    name: 'ringfence_http_requests_total',
    help: 'Requests that were answered, streams and sockets when they have ended.',
    labelNames: ['method', 'route', 'status'],
    registers: [],
  })
  const durations = new Histogram({
    name: 'ringfence_http_request_duration_seconds',
    help: 'How long answers took, but for streams and sockets.',
    labelNames: ['method', 'route'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [],
  })

  registry.registerMetric(requests)
  registry.registerMetric(durations)

  const gauge = (name: string, help: string, read: () => number): void => {
    registry.registerMetric(
      new Gauge({
        name,
        help,
        registers: [],
        collect() {
          this.set(read())
        },
      }),
    )
  }
  const total = (name: string, help: string, read: () => number): void => {
    registry.registerMetric(
      new Counter({
        name,
        help,
        registers: [],
        collect() {
          this.reset()
          this.inc(read())
        },
      }),
    )
  }

  const byCode = (name: string, help: string, read: () => Record<string, number>): void => {
    registry.registerMetric(
      new Counter({
        name,
        help,
        labelNames: ['code'],
        registers: [],
        collect() {
          this.reset()
          for (const [code, count] of Object.entries(read())) this.inc({ code }, count)
        },
      }),
    )
  }

  const { admission, engine } = core
  gauge(
    'ringfence_http_requests_in_work',
    'Requests without an answer yet.',
    () => admission.open.requests,
  )
  gauge('ringfence_streams_open', 'Event streams.', () => admission.open.streams)
  gauge('ringfence_sockets_open', 'WebSockets.', () => admission.open.sockets)
  gauge('ringfence_runs_running', 'Runs that execute.', () => engine.health().running)
  gauge('ringfence_runs_queued', 'Runs that wait for their turn.', () => engine.health().queued)
  gauge(
    'ringfence_run_orphans',
    'Work of runs that was told to stop and still runs.',
    () => engine.health().orphans,
  )
  gauge('ringfence_accepting', '1 while new runs are accepted.', () =>
    Number(!core.draining && !core.overloaded && engine.health().accepting),
  )
  gauge(
    'ringfence_scopes_open',
    'Scopes that are open or closing, of the whole process.',
    () => inspect().openScopes,
  )
  gauge(
    'ringfence_orphans',
    'Work that outlived its scope and still runs, of the whole process.',
    () => inspect().orphans,
  )
  total(
    'ringfence_scopes_opened_total',
    'Scopes opened, of the whole process.',
    () => inspect().openedScopes,
  )
  byCode(
    'ringfence_starts_refused_total',
    'Runs that were refused before they came to be, by code.',
    () => engine.metrics().refused,
  )
  if (deprecatedCalls !== undefined) {
    total('ringfence_deprecated_calls_total', 'Calls of what is deprecated.', deprecatedCalls)
  }
  byCode(
    'ringfence_violations_total',
    'Uses that would have crossed owners or outlived a scope, all of them refused, by code.',
    () => inspect().violations,
  )

  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  registry.registerMetric(
    new Gauge({
      name: 'ringfence_event_loop_delay_seconds',
      help: 'How late the event loop was since the last look.',
      labelNames: ['quantile'],
      registers: [],
      collect() {
        for (const quantile of [0.5, 0.99]) {
          const seconds = delay.percentile(quantile * 100) / 1e9
          this.set({ quantile: String(quantile) }, Number.isFinite(seconds) ? seconds : 0)
        }
        delay.reset()
      },
    }),
  )

  return {
    registry,
    observe({ method, route, streamed }, status, seconds) {
      const labels = { method: methodLabel(method), route }
      requests.inc({ ...labels, status })
      if (!streamed) durations.observe(labels, seconds)
    },
    stop: () => delay.disable(),
  }
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** A client may make methods up. */
function methodLabel(method: string): string {
  return methods.has(method) ? method : 'other'
}
