import { watchEnterWith } from '@ringfence/context'
import type { ServerLogger } from '../handler/options.ts'

/**
 * In development (NODE_ENV), warns of the first `enterWith` where it outlives its request: to the logger, or as a
 * warning of the process. Not in production, where nobody's prototype is replaced unasked; there a host calls
 * `watchEnterWith` of the context package. Returns how to stop.
 */
export function warnOfEnterWith(logger: ServerLogger | undefined): () => void {
  if (process.env['NODE_ENV'] !== 'development') return () => undefined
  if (logger === undefined) return watchEnterWith()
  return watchEnterWith(({ code, message, site }) => logger.warn({ code, site }, message))
}
