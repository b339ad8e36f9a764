import { deferred } from './deferred.ts'

/** A place where so many must have arrived before any goes on: so that their work overlaps for certain. */
export function meetingOf(count: number): () => Promise<void> {
  const all = deferred()
  let arrived = 0
  return () => {
    arrived += 1
    if (arrived === count) all.resolve()
    return all.promise
  }
}
