import { runOutside } from '@ringfence/context'
import { timerMs } from '../internal/timer-ms.ts'
import type { EngineStore } from '../store/engine-store.ts'
import { runAsSystem } from '../system/system-scope.ts'

/**
 * What is not as it should be.
 *
 * - `closed`: the engine was closed and starts nothing.
 * - `scheduler_stuck`: runs wait although there are slots for them, or longer than any may.
 * - `queue_full`: the queue of all owners is full.
 * - `orphans_full`: as much work as is tolerated did not stop when it was told to.
 * - `ends_unstored`: the store did not take the ends of runs, as one that only reads does not; they are tried again.
 * - `store_failing`: the store failed, or did not answer in time.
 * - `event_loop_late`: the process is busy with something that does not yield.
 */
export type HealthProblem =
  | 'closed'
  | 'scheduler_stuck'
  | 'queue_full'
  | 'orphans_full'
  | 'ends_unstored'
  | 'store_failing'
  | 'event_loop_late'

/** How an engine is doing, from its live parts. Nothing in it is assumed, and nothing of it names a user. */
export interface EngineHealth {
  /**
   * `ok`: no problem. `degraded`: it works, and some work is refused or late. `failing`: runs cannot be trusted to
   * go on. `closed`: it was closed.
   */
  readonly status: 'ok' | 'degraded' | 'failing' | 'closed'
  readonly problems: readonly HealthProblem[]
  readonly accepting: boolean
  readonly running: number
  readonly queued: number
  /** Work that was told to stop, did not, and is still running: fenced, and charged to its owner. */
  readonly orphans: number
  /** The same since the engine was made, also what has ended. */
  readonly orphaned: number
  /** Tools that cannot be called now by an owner for whom they kept making orphans; each owner counts. */
  readonly quarantinedTools: number
}

/** The same, after asking what has to be asked. */
export interface CheckedHealth extends EngineHealth {
  /** Milliseconds that the store took to answer; undefined where it failed or did not answer in time. */
  readonly storeMs: number | undefined
  /** Milliseconds that the event loop was late. */
  readonly eventLoopMs: number
}

/** The gauges, with what they say put into words. */
export function healthOf(
  gauges: Omit<EngineHealth, 'status' | 'problems'>,
  problems: readonly HealthProblem[],
): EngineHealth {
  return Object.freeze({
    status: statusOf(problems),
    problems: Object.freeze([...problems]),
    ...gauges,
  })
}

const failing: ReadonlySet<HealthProblem> = new Set(['scheduler_stuck', 'store_failing'])

function statusOf(problems: readonly HealthProblem[]): EngineHealth['status'] {
  if (problems.includes('closed')) return 'closed'
  if (problems.some((problem) => failing.has(problem))) return 'failing'
  return problems.length === 0 ? 'ok' : 'degraded'
}

/** Asks the store for its counts, in the system scope, and the event loop for a turn. Never rejects. */
export async function checkHealth(
  health: () => EngineHealth,
  store: EngineStore,
  timeoutMs: number,
): Promise<CheckedHealth> {
  const [storeMs, eventLoopMs] = await runOutside(() =>
    Promise.all([storeAnswer(store, timeoutMs), eventLoopDelay()]),
  )
  const { status: _status, problems, ...gauges } = health()
  const found = [...problems]
  if (storeMs === undefined) found.push('store_failing')
  if (eventLoopMs > timeoutMs) found.push('event_loop_late')
  return Object.freeze({ ...healthOf(gauges, found), storeMs, eventLoopMs })
}

async function storeAnswer(store: EngineStore, timeoutMs: number): Promise<number | undefined> {
  const since = performance.now()
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timerMs(timeoutMs))
  })
  const answer = runAsSystem('inspect', async () => store.system.inspect()).then(
    () => performance.now() - since,
    () => undefined,
  )
  const answered = await Promise.race([answer, late])
  clearTimeout(timer)
  return answered
}

async function eventLoopDelay(): Promise<number> {
  const since = performance.now()
  await new Promise((resolve) => setTimeout(resolve, 1))
  return Math.max(0, performance.now() - since - 1)
}
