import { createServer } from 'node:http'
import type { Core } from '../handler/core.ts'
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
    if (pathname !== '/metrics' || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response.writeHead(pathname === '/metrics' ? 405 : 404).end()
      return
    }
    metrics.registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text),
      () => response.writeHead(500).end(),
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
