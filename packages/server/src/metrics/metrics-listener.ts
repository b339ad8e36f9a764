import { createServer, type ServerResponse } from 'node:http'
import type { Core } from '../handler/core.ts'
import { Problem, type ProblemCode } from '../problems/problem.ts'
import { problemAnswer } from '../problems/problem-response.ts'
import { measureServer, type MetricsOptions } from './server-metrics.ts'

export interface MetricsListener {
  readonly url: string
  close(): Promise<void>
}

/** Serves `GET /metrics` on a port of its own, so that nobody who may call the server may read them by that alone. */
export async function startMetrics(core: Core, options: MetricsOptions): Promise<MetricsListener> {
  const { port, host = '127.0.0.1' } = options
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const metrics = measureServer(core, options)
  core.observe = (exchange, status, seconds) => metrics.observe(exchange, status, seconds)
  server.on('request', (request, response) => {
    // Not as a URL: some targets are none, and then this would throw out of the process.
    const [pathname] = (request.url ?? '/').split('?')
    if (pathname !== '/metrics') return refuse(response, 'route_not_found')
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return refuse(response, 'method_not_allowed', { allow: 'GET, HEAD' })
    }
    metrics.registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text),
      () => refuse(response, 'internal_error'),
    )
  })
  const address = server.address()
  const listening = typeof address === 'object' && address !== null ? address.port : port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${listening}/metrics`,
    close: () =>
      new Promise((resolve) => {
        core.observe = undefined
        metrics.stop()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function refuse(
  response: ServerResponse,
  code: ProblemCode,
  headers: Readonly<Record<string, string>> = {},
): void {
  const requestId = globalThis.crypto.randomUUID()
  const answer = problemAnswer(new Problem(code, { headers }), { requestId, fields: {} })
  response.writeHead(answer.status, answer.headers).end(answer.body)
}
