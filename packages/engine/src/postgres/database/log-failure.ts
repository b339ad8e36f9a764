import { propertyOf } from '../../internal/property-of.ts'
import type { EngineLogger } from '../../logger.ts'

/**
 * Tells what failed, but for an outage of the database, which it tells itself, once: whoever looks for something twice a second
 * would say nothing else while it lasts.
 */
export function logFailure(
  logger: EngineLogger | undefined,
  error: unknown,
  message: string,
  fields: object = {},
): void {
  // By the code alone: pg-boss tells of copies.
  if (propertyOf(error, 'code') === 'STORE_UNAVAILABLE') return
  logger?.error({ err: error, ...fields }, message)
}
