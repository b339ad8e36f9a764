import type { RateState } from './rate-limiter.ts'

/** A rate under the name that its policy has in answers. */
export interface NamedRate {
  readonly name: string
  readonly quota: number
  readonly windowMs: number
}

/** `RateLimit-Policy`: what is allowed, whoever asks (draft-ietf-httpapi-ratelimit-headers-11). */
export function policyField(rates: readonly NamedRate[]): string {
  return rates
    .map(({ name, quota, windowMs }) => `"${name}";q=${quota};w=${Math.ceil(windowMs / 1_000)}`)
    .join(', ')
}

/** `RateLimit`: what is left to who asks, and in how many seconds more is. */
export function limitField(name: string, { remaining, resetMs }: RateState): string {
  return `"${name}";r=${remaining};t=${Math.ceil(resetMs / 1_000)}`
}
