import { expect, vi } from 'vitest'

/** Waits until something is so, and says what it was instead where it does not come about. */
export function eventually(check: () => unknown, expected: unknown): Promise<void> {
  return vi.waitFor(() => expect(check()).toEqual(expected), { timeout: 5_000, interval: 5 })
}
