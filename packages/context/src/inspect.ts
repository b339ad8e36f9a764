import type { ContextErrorCode } from './errors.ts'
import { runtime } from './internal/runtime.ts'

/** What is going on in the process, in numbers. Names nobody. */
export interface Inspection {
  /** Scopes that are open or closing now. */
  readonly openScopes: number
  /** Scopes opened since the process started. */
  readonly openedScopes: number
  /** Work that outlived its scope and is still running. */
  readonly orphans: number
  /** How often each rule was broken since the process started. Every one was refused. */
  readonly violations: Readonly<Partial<Record<ContextErrorCode, number>>>
}

/** Counts scopes, orphans and violations. Cheap; fit for a metrics endpoint and for a test's last line. */
export function inspect(): Inspection {
  const { openScopes, sequence, orphans, violations } = runtime()
  return { openScopes, openedScopes: sequence, orphans, violations: Object.fromEntries(violations) }
}

/**
 * Records where each scope is opened, so that errors can say it in `site`. A stack for every scope is dear:
 * off by default, on where NODE_ENV is `development`.
 */
export function captureSites(enabled: boolean): void {
  runtime().sites = enabled
}
