import { bind, canonicalOwner, currentScope } from '@ringfence/context'
import { checkedLimit } from '../internal/checked-limit.ts'
import { checkedObject, checkedSignal } from '../internal/checked-option.ts'
import type { ScopeReleases } from '../internal/scope-releases.ts'
import type { RunStore } from '../store/run-store.ts'
import type { AgentEvent } from './agent-event.ts'
import { checkedBackPressure, type BackPressure } from './back-pressure.ts'
import { FollowedRun, type Following } from './following.ts'
import type { LiveEvents } from './live-events.ts'
import { RunFollower } from './run-follower.ts'

export interface FollowOptions {
  /** The number of the last event already seen. Default: none, so that the first event comes first. */
  readonly after?: number | undefined
  /** What happens when this follower does not keep up. Default: it falls behind, and holds nothing up. */
  readonly backPressure?: BackPressure | undefined
  /** Ends the following when it aborts; the run goes on. */
  readonly signal?: AbortSignal | undefined
}

/** Where a run's events come from, and where following them is released. */
export interface FollowSources {
  readonly store: RunStore
  readonly live: LiveEvents
  readonly releases: ScopeReleases
  /** Milliseconds that whoever follows waits for a store that fails. Default 0. */
  readonly outageMs?: number
}

/**
 * Follows a run of the current owner: what is stored first, then what comes, without a gap and without a
 * repeat, up to the terminal event. The follower reads from the log when it is pulled, so a slow one holds
 * nothing up and nothing is buffered for it: it falls behind, and gets `CURSOR_EVICTED` if it falls too far.
 * Of transient events it sees the newest of each type.
 *
 * The iterator belongs to the current scope: it is refused to other owners (I7) and released at its close.
 */
export async function iterateRun(
  sources: FollowSources,
  runId: string,
  options: FollowOptions,
): Promise<AsyncIterableIterator<AgentEvent>> {
  const follower = await beginFollowing(sources, runId, options)
  return bind.iterator<AgentEvent, undefined, undefined>(follower)
}

/** The same for who is told of each event, instead of asking for it. */
export async function followRun(
  sources: FollowSources,
  runId: string,
  options: FollowOptions,
): Promise<Following> {
  return new FollowedRun(currentScope(), await beginFollowing(sources, runId, options))
}

async function beginFollowing(
  { store, live, releases, outageMs }: FollowSources,
  runId: string,
  options: FollowOptions,
): Promise<RunFollower> {
  const { after, signal, backPressure } = checkedObject('the options of a follower', options)
  if (signal !== undefined) checkedSignal(signal)
  if (after !== undefined) checkedLimit('after', after, -1)
  const policy = backPressure === undefined ? undefined : checkedBackPressure(backPressure)
  const scope = currentScope()
  const follower = new RunFollower(store, runId, after, policy, outageMs)
  // Watching begins before the first read: what is appended in between is noticed.
  follower.onStop(await store.watch(runId, () => follower.wake()))
  follower.onStop(live.watch(canonicalOwner(scope.owner), runId, follower))
  try {
    await follower.begin()
    follower.onStop(releases.add(scope, follower.stop))
    if (signal !== undefined) {
      if (signal.aborted) follower.stop()
      signal.addEventListener('abort', follower.stop, { once: true })
      follower.onStop(() => signal.removeEventListener('abort', follower.stop))
    }
    return follower
  } catch (error) {
    follower.stop()
    throw error
  }
}
