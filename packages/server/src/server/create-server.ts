import { runOutside } from '@ringfence/context'
import type { Hono } from 'hono'
import { createApp } from '../handler/create-app.ts'
import { createCore } from '../handler/core.ts'
import { handlerOf, type AgentHandler, type HandlerOptions } from '../handler/create-handler.ts'
import { isLoopbackHost } from '../identity/loopback.ts'
import { drain } from './drain.ts'
import { quietHost } from './quiet-host.ts'
import type { MetricsListener } from '../metrics/metrics-listener.ts'
import type { MetricsOptions } from '../metrics/server-metrics.ts'
import type { Listener, ServerTimeouts } from './listen.ts'

export interface ServerOptions extends Omit<HandlerOptions, 'upgradeWebSocket' | 'strippedPrefix'> {
  /** Answers what is not Ringfence's: a page, other routes. It gets the request as it came. */
  readonly host?: Hono
  readonly timeouts?: Partial<ServerTimeouts>
  /**
   * Connections at once, whoever they are from; one more is closed as it comes. Default: 50,000, more than all the streams,
   * sockets and requests that are allowed by default.
   */
  readonly connections?: number
  /** Serves `GET /metrics` for Prometheus, on a port of its own; needs `prom-client`. Default: no metrics. */
  readonly metrics?: MetricsOptions
}

export interface ListenOptions {
  /** Default: 3000. 0 takes a free one. */
  readonly port?: number
  /** Default: `127.0.0.1`. In demo mode only an address of this machine is accepted. */
  readonly host?: string
}

export interface CloseOptions {
  /**
   * Milliseconds for which `/readyz` says 503 and everything is served as before, so that whoever balances the load has time
   * to look elsewhere: more than the interval of its probes times the failures that it waits for. Default: 0.
   */
  readonly leaveMs?: number
  /** Milliseconds that running runs may take to finish then. Default: 10,000. */
  readonly graceMs?: number
}

/** Where a server listens. */
export interface Listening {
  readonly url: string
  readonly port: number
  /** Where its metrics are, if it has any. */
  readonly metricsUrl: string | undefined
}

/** A server on Node. */
export interface AgentServer {
  /** Answers without a socket in between. */
  readonly fetch: AgentHandler

  /**
   * Listens. Rejects where the address is taken, or is one that demo mode does not allow; then it may be called
   * again. Otherwise once only.
   */
  listen(options?: ListenOptions): Promise<Listening>

  /**
   * Drains and ends. `/readyz` says 503; after `leaveMs` new runs and sockets are refused with 503; runs get `graceMs` to finish,
   * then are cancelled; every follower gets the terminal event; sockets close with 1001; a second later
   * whatever is still connected is cut. Also closes the engine. Closing again waits for the first.
   */
  close(options?: CloseOptions): Promise<void>
}

/**
 * A whole server: the handler on `@hono/node-server`, with WebSockets, timeouts and drain. Does nothing before
 * `listen()`, and leaves signals to the caller. Throws TypeError where the options have no `auth`.
 *
 * @example
 * const server = createServer({ engine, auth })
 * const { url } = await server.listen({ port: 3000 })
 * process.once('SIGTERM', () => server.close({ graceMs: 20_000 }))
 */
export function createServer(options: ServerOptions): AgentServer {
  const { basePath, host: hostApp, timeouts, connections, demo = false, metrics } = options
  checkConnections(connections)
  let measured: MetricsListener | undefined
  let listener: Listener | undefined
  let listening: Promise<Listener> | undefined
  let closed: Promise<void> | undefined

  const core = createCore({
    ...options,
    upgradeWebSocket: (hono, events, handlers) => {
      if (listener === undefined) throw new Error('No socket without listen()')
      return listener.upgradeWebSocket(hono, events, handlers)
    },
  })
  const fetch = handlerOf(createApp(core, basePath, hostApp && quietHost(hostApp, core.logger)))

  return {
    fetch,

    async listen({ port = 3000, host = '127.0.0.1' } = {}) {
      if (demo && !isLoopbackHost(host)) {
        throw new Error(
          `Cannot listen on ${host} in demo mode: anybody who reaches it could be any user. ` +
            'Listen on 127.0.0.1, or leave `demo` out and give `auth`.',
        )
      }
      if (listening !== undefined || closed !== undefined) {
        throw new Error('Cannot listen twice: a server listens once, and not after close()')
      }
      listening = runOutside(async () => {
        // Only here does anything of Node come in, so that the module loads on every runtime.
        const { startListener } = await import('./listen.ts')
        if (metrics !== undefined) {
          const { startMetrics } = await import('../metrics/metrics-listener.ts')
          measured = await startMetrics(core, metrics)
        }
        return startListener({ core, fetch, host, port, timeouts, connections })
      })
      try {
        listener = await listening
      } catch (error) {
        listening = undefined
        await measured?.close()
        measured = undefined
        throw error
      }
      return { url: listener.url, port: listener.port, metricsUrl: measured?.url }
    },

    close({ leaveMs = 0, graceMs = 10_000 } = {}) {
      return (closed ??= runOutside(async () => {
        await drain(core, await listening?.catch(() => undefined), { leaveMs, graceMs })
        // To the last: a shutdown is when somebody looks.
        await measured?.close()
      }))
    },
  }
}

function checkConnections(connections: number | undefined): void {
  if (connections === undefined || (Number.isSafeInteger(connections) && connections > 0)) return
  throw new TypeError(`Expected \`connections\` to be an integer >= 1, got ${connections}`)
}
