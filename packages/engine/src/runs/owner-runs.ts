import { canonicalOwner, currentScope, type Owner } from '@ringfence/context'
import type { AccessRequest } from '../access/access.ts'
import type { AgentEvent } from '../events/agent-event.ts'
import {
  followRun,
  iterateRun,
  type FollowOptions,
  type FollowSources,
} from '../events/follow-run.ts'
import type { Following } from '../events/following.ts'
import { runOutcome } from '../idempotency/run-outcome.ts'
import { ScopeReleases } from '../internal/scope-releases.ts'
import { refuseLostCursor } from '../store/lost-cursor.ts'
import { notFound } from '../store/not-found.ts'
import type { RunPage, RunPageOptions, RunRecord } from '../store/run-store.ts'
import type { EngineParts } from './engine-parts.ts'
import { forgetEndedRuns } from './forget-ended-runs.ts'

/** The runs of the current owner, or of one whose runs they may see: read, followed, ended and removed (I8). */
export class OwnerRuns {
  readonly #parts: EngineParts
  readonly #sources: FollowSources

  constructor(parts: EngineParts) {
    this.#parts = parts
    const { store, live, limits } = parts
    this.#sources = {
      store: store.runs,
      live,
      releases: new ScopeReleases(),
      outageMs: limits.storeMs,
    }
  }

  async get(runId: string, owner: Owner | undefined): Promise<RunRecord> {
    return this.#parts.access.within('read', aboutRun(runId, owner), () => this.#find(runId))
  }

  async list(page: RunPageOptions, owner: Owner | undefined): Promise<RunPage> {
    const { access, lostEnds, store } = this.#parts
    return access.within('list', { type: 'run', owner }, async () => {
      await refuseLostCursor('run', page.before, (id) => store.runs.get(id))
      return lostEnds.page(await store.runs.list(page))
    })
  }

  async events(runId: string, options: FollowOptions): Promise<AsyncIterableIterator<AgentEvent>> {
    return this.#followed(runId, (sources) => iterateRun(sources, runId, options))
  }

  async follow(runId: string, options: FollowOptions): Promise<Following> {
    return this.#followed(runId, (sources) => followRun(sources, runId, options))
  }

  async #followed<Followed>(
    runId: string,
    begin: (sources: FollowSources) => Promise<Followed>,
  ): Promise<Followed> {
    const { access, admission, lostEnds } = this.#parts
    const followed = await access.within('read', aboutRun(runId, undefined), async () => {
      await lostEnds.store(runId)
      return begin(this.#sources)
    })
    admission.runs.get(canonicalOwner(currentScope().owner), runId)?.showPosition()
    return followed
  }

  async cancel(runId: string, owner: Owner | undefined): Promise<RunRecord> {
    const { access, admission, queue, shutdown, store } = this.#parts
    return access.within('cancel', aboutRun(runId, owner), async () => {
      await this.#find(runId)
      const live = admission.runs.get(canonicalOwner(currentScope().owner), runId)
      live?.cancel('caller')
      await live?.ended
      if (live === undefined && queue !== undefined) {
        await queue.cancel(runId, 'caller')
        await runOutcome(store.runs, runId, shutdown).catch(() => undefined)
      }
      return this.#find(runId)
    })
  }

  async delete(runId: string, owner: Owner | undefined): Promise<void> {
    const { access, lostEnds, store } = this.#parts
    return access.within('delete', aboutRun(runId, owner), async () => {
      await lostEnds.store(runId)
      if (!(await store.runs.delete(runId))) throw notFound(runId)
      await store.approvals.deleteOf(runId)
    })
  }

  /** Removes those that have ended, with what was counted of them. Resolves with how many there were. */
  async forget(owner: Owner | undefined): Promise<number> {
    const { access, lostEnds, statistics, store } = this.#parts
    return access.within('delete', { type: 'run', owner }, async () => {
      const forgotten = await forgetEndedRuns(store, lostEnds)
      statistics.forget(canonicalOwner(currentScope().owner))
      return forgotten
    })
  }

  async #find(runId: string): Promise<RunRecord> {
    const record = await this.#parts.lostEnds.get(runId)
    if (record === undefined) throw notFound(runId)
    return record
  }
}

function aboutRun(id: string, owner: Owner | undefined): AccessRequest {
  return { type: 'run', id, owner, missing: () => notFound(id) }
}
