import type { Context } from 'hono'
import type { Core } from '../handler/core.ts'
import type { Identity } from '../identity/identity.ts'
import { isLocal } from './is-local.ts'

/** Requests, and runs, that a principal of the demo may make in a minute. */
export const demoQuota: { readonly requests: number; readonly runs: number } = {
  requests: 120,
  runs: 10,
}

/**
 * Who opens a socket of the demo without credentials: a new principal each time, named as one. Undefined where there is no
 * demo, and where the request does not come from this machine.
 */
export function demoPrincipal({ demo }: Core, hono: Context): Identity | undefined {
  if (demo === undefined || !isLocal(hono)) return undefined
  return { userId: `demo:${globalThis.crypto.randomUUID()}` }
}

/** Whether an owner, by the canonical spelling, is such a principal. */
export function isDemoPrincipal(owner: string): boolean {
  return /\bdemo:[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/.test(owner)
}
