import { EngineError } from '../errors/engine-error.ts'
import { timerMs } from '../internal/timer-ms.ts'
import type { EngineLogger } from '../logger.ts'
import type { RunQueue } from '../runs/run-queue.ts'
import type { EngineStore } from './engine-store.ts'
import type { LedgerAccount } from './ledger-store.ts'
import { MemoryStore } from './memory-store.ts'
import { OutageLog, reasonOf } from './outage-log.ts'
import { isAnswer, isStoreFailure, storeTimeout, storeUnavailable } from './store-failure.ts'

/** Gives up what has not come in time, and undoes it where it comes later. What breaks off gets a code. */
type InTime = <Result>(
  method: string,
  call: () => Promise<Result>,
  undo?: (late: Result) => void,
  mostMs?: number,
) => Promise<Result>

/**
 * The same store, where a call that is not answered within so many milliseconds rejects with `STORE_TIMEOUT`: a database
 * that is not there any more must hold up neither a run nor the end of an engine. What it does later it has done. A call that
 * breaks off rejects with `STORE_UNAVAILABLE`: what the driver says is its cause, and the log's.
 *
 * A migration, and the deletion of all that an owner has, take the time that they take; the memory of this process has
 * always answered.
 */
export function withStoreDeadline(
  store: EngineStore,
  ms: number,
  logger?: EngineLogger,
): EngineStore {
  if (store instanceof MemoryStore) return store
  const inTime = patience(ms, logger, 'the store')
  const { runs, threads, approvals, idempotency, ledger, audit, system } = store
  return {
    runs: {
      ...(runs.batchMs === undefined ? {} : { batchMs: runs.batchMs }),
      create: (run) => inTime('runs.create', () => runs.create(run)),
      append: (runId, events) => inTime('runs.append', () => runs.append(runId, events)),
      get: (runId) => inTime('runs.get', () => runs.get(runId)),
      list: (page) => inTime('runs.list', () => runs.list(page)),
      read: (runId, after, limit) => inTime('runs.read', () => runs.read(runId, after, limit)),
      watch: (runId, wake) => inTime('runs.watch', () => runs.watch(runId, wake), stop),
      delete: (runId) => inTime('runs.delete', () => runs.delete(runId)),
    },
    threads: {
      append: (threadId, turn) => inTime('threads.append', () => threads.append(threadId, turn)),
      get: (threadId) => inTime('threads.get', () => threads.get(threadId)),
      read: (threadId, page) => inTime('threads.read', () => threads.read(threadId, page)),
      list: (page) => inTime('threads.list', () => threads.list(page)),
      delete: (threadId) => inTime('threads.delete', () => threads.delete(threadId)),
    },
    approvals: {
      create: (approval) => inTime('approvals.create', () => approvals.create(approval)),
      get: (approvalId) => inTime('approvals.get', () => approvals.get(approvalId)),
      list: (page) => inTime('approvals.list', () => approvals.list(page)),
      resolve: (approvalId, resolution) =>
        inTime('approvals.resolve', () => approvals.resolve(approvalId, resolution)),
      redeem: (approvalId, call, at) =>
        inTime('approvals.redeem', () => approvals.redeem(approvalId, call, at)),
      deleteOf: (runId) => inTime('approvals.deleteOf', () => approvals.deleteOf(runId)),
      watch: (approvalId, wake) =>
        inTime('approvals.watch', () => approvals.watch(approvalId, wake), stop),
    },
    idempotency: {
      claim: (claim) => inTime('idempotency.claim', () => idempotency.claim(claim)),
      confirm: (agent, key, claimed, runId) =>
        inTime('idempotency.confirm', () => idempotency.confirm(agent, key, claimed, runId)),
      release: (agent, key, runId) =>
        inTime('idempotency.release', () => idempotency.release(agent, key, runId)),
    },
    ledger: {
      account: () =>
        accountInTime(
          typed('ledger.account', () => ledger.account()),
          inTime,
        ),
    },
    audit: {
      append: (record) => inTime('audit.append', () => audit.append(record)),
      read: (page) => inTime('audit.read', () => audit.read(page)),
    },
    system: {
      claim: (options) => inTime('system.claim', () => system.claim(options)),
      sweep: (now) => inTime('system.sweep', () => system.sweep(now)),
      inspect: () => inTime('system.inspect', () => system.inspect()),
      migrate: () => inTime('system.migrate', () => system.migrate(), undefined, Infinity),
      forget: (owner) => inTime('system.forget', () => system.forget(owner), undefined, Infinity),
    },
    close: () => store.close(),
  }
}

/**
 * The same for a queue: whoever starts or cancels a run is told in time that nobody answered. The run may have been
 * accepted for all that.
 */
export function withQueueDeadline(queue: RunQueue, ms: number, logger?: EngineLogger): RunQueue {
  const inTime = patience(ms, logger, 'the queue')
  return {
    enqueue: (run) => inTime('queue.enqueue', () => queue.enqueue(run)),
    cancel: (runId, reason) => inTime('queue.cancel', () => queue.cancel(runId, reason)),
  }
}

function accountInTime(account: LedgerAccount, inTime: InTime): LedgerAccount {
  return {
    charge: (entry) => inTime('ledger.charge', () => account.charge(entry)),
    hold: (hold, limits) => inTime('ledger.hold', () => account.hold(hold, limits)),
    settle: (holdId, entry) => inTime('ledger.settle', () => account.settle(holdId, entry)),
    standings: (limits, at, runId) =>
      inTime('ledger.standings', () => account.standings(limits, at, runId)),
    sums: (period, at) => inTime('ledger.sums', () => account.sums(period, at)),
    windows: (period, limit) => inTime('ledger.windows', () => account.windows(period, limit)),
    run: (runId) => inTime('ledger.run', () => account.run(runId)),
  }
}

/** What is asked for at once. */
function typed<Result>(method: string, call: () => Result): Result {
  try {
    return call()
  } catch (error) {
    throw isAnswer(error) ? error : storeUnavailable(method, error)
  }
}

function patience(ms: number, logger: EngineLogger | undefined, what: string): InTime {
  const outage = new OutageLog(logger, `${what} answers again`)
  return async (method, call, undo, mostMs = ms) => {
    try {
      // Also where it is thrown at once, or is no promise.
      const answer = Promise.resolve(call())
      const result = await within(answer, mostMs, undo)
      if (result !== late) {
        outage.worked()
        return result
      }
    } catch (error) {
      if (isAnswer(error) && !isStoreFailure(error)) {
        outage.worked()
        throw error
      }
      const failure =
        EngineError.is(error) && isStoreFailure(error) ? error : storeUnavailable(method, error)
      // What a store says is not available is one thing, whichever way its driver puts it.
      const reason = failure === error ? failure.code : reasonOf(error)
      outage.failed(reason, { err: failure, method }, `${what} is not available`)
      throw failure
    }
    outage.failed('timeout', { method, storeMs: ms }, `${what} did not answer in time`)
    throw storeTimeout(method, ms)
  }
}

const late = Symbol('late')

/** An answer, or that there is none in time; then it is undone when it comes. */
function within<Result>(
  answer: Promise<Result>,
  ms: number,
  undo: ((result: Result) => void) | undefined,
): Promise<Result | typeof late> {
  if (ms === Infinity) return answer
  return new Promise((resolve, reject) => {
    let over = false
    const timer = setTimeout(() => {
      over = true
      resolve(late)
    }, timerMs(ms))
    answer.then(
      (result) => {
        clearTimeout(timer)
        if (over) undo?.(result)
        else resolve(result)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}

function stop(watching: () => void): void {
  watching()
}
