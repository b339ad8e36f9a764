import type { Scope } from '@ringfence/context'
import { unlessAborted } from '../internal/unless-aborted.ts'

/** What has happened already: to wait for it gives one turn to whatever else is ready, and makes no promise. */
const ready = Promise.resolve()

/** Microtasks that a follower takes to read an event. */
const turnsToRead = 8

/** Long enough for whoever reads as fast as they can: no run outpaces them by never giving way. */
export async function followersTurn(): Promise<void> {
  for (let turn = 0; turn < turnsToRead; turn += 1) await ready
}

/** Until those who follow have kept up. What is told to stop waits for nobody. */
export function untilRoom(
  room: Promise<void> | undefined,
  emitter: Scope | undefined,
): Promise<void> | undefined {
  if (room === undefined || emitter?.lifecycle !== 'open') return undefined
  return unlessAborted(room, emitter)
}
