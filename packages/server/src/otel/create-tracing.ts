import {
  context,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Tracer,
} from '@opentelemetry/api'
import { createVariable } from '@ringfence/context'
import type { EngineStore, RunStore } from '@ringfence/engine'
import type { Tracing } from '../tracing/tracing.ts'
import { parentContext } from './parent-context.ts'
import { RunSpans } from './run-spans.ts'

export interface TracingOptions {
  /** Default: that of the global provider. */
  readonly tracer?: Tracer
  /** Whether a client's `traceparent` is taken over. Default: true. Turn it off where strangers must not name a trace. */
  readonly joinsCaller?: boolean
}

/** Traces requests, and the runs that they start. */
export interface ServerTracing extends Tracing {
  /** The same store; from what is written to it come the spans of runs, steps and tools. Give it to the engine. */
  store(store: EngineStore): EngineStore
}

/**
 * OpenTelemetry spans for requests, runs, steps (agents that an agent calls) and tools. A run's span stands under the
 * request that started it, and goes on after it. No span has a user, an input, a result or a message: ids, names and codes
 * alone. With the context manager of `@ringfence/context/otel`, spans of your own join.
 *
 * @example
 * const tracing = createTracing()
 * const engine = createExecutionEngine({ agents, store: tracing.store(new MemoryStore()) })
 * const server = createServer({ engine, auth, tracing })
 */
export function createTracing({
  tracer = trace.getTracer('@ringfence/server'),
  joinsCaller = true,
}: TracingOptions = {}): ServerTracing {
  // Follows the request's flow, as its scope does, whatever context manager there is, or none.
  const current = createVariable<Context | undefined>({ name: 'trace', defaultValue: undefined })
  const spans = new RunSpans(tracer)

  return {
    begin({ method, route, requestId, headers }) {
      const parent = parentContext(headers, joinsCaller)
      const span = tracer.startSpan(
        `${method} ${route}`,
        {
          kind: SpanKind.SERVER,
          attributes: {
            'http.request.method': method,
            'http.route': route,
            'ringfence.request_id': requestId,
          },
        },
        parent,
      )
      const own = trace.setSpan(parent, span)
      return {
        within: (work) => current.run(own, () => context.with(own, work)),
        end(status) {
          span.setAttribute('http.response.status_code', status)
          if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
          span.end()
        },
      }
    },

    store: (store) => {
      const { threads, approvals, idempotency, ledger, audit, system } = store
      const runs = tracedRuns(store.runs, spans, () => current.get() ?? context.active())
      return {
        runs,
        threads,
        approvals,
        idempotency,
        ledger,
        audit,
        system,
        close: () => store.close(),
      }
    },
  }
}

function tracedRuns(runs: RunStore, spans: RunSpans, parent: () => Context): RunStore {
  return {
    ...(runs.batchMs === undefined ? {} : { batchMs: runs.batchMs }),
    async create(run) {
      await runs.create(run)
      spans.begin(run.runId, run.agent, parent())
    },
    async append(runId, events) {
      const stored = await runs.append(runId, events)
      spans.tell(runId, stored)
      return stored
    },
    get: (runId) => runs.get(runId),
    list: (page) => runs.list(page),
    read: (runId, after, limit) => runs.read(runId, after, limit),
    watch: (runId, wake) => runs.watch(runId, wake),
    delete: (runId) => runs.delete(runId),
  }
}
