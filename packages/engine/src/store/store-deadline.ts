import { timerMs } from '../internal/timer-ms.ts'
import type { EngineLogger } from '../logger.ts'
import type { RunQueue } from '../runs/run-queue.ts'
import type { EngineStore } from './engine-store.ts'
import type { LedgerAccount } from './ledger-store.ts'
import { MemoryStore } from './memory-store.ts'
import { storeTimeout } from './store-timeout.ts'

/** Gives up what has not come in time, and undoes it where it comes later. */
type InTime = <Result>(
  method: string,
  answer: Promise<Result>,
  undo?: (late: Result) => void,
) => Promise<Result>

/**
 * The same store, where a call that is not answered within so many milliseconds rejects with `STORE_TIMEOUT`: a database
 * that is not there any more must hold up neither a run nor the end of an engine. What it does later it has done.
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
  const inTime = patience(ms, logger)
  const { runs, threads, approvals, idempotency, ledger, audit, system } = store
  return {
    runs: {
      ...(runs.batchMs === undefined ? {} : { batchMs: runs.batchMs }),
      create: (run) => inTime('runs.create', runs.create(run)),
      append: (runId, events) => inTime('runs.append', runs.append(runId, events)),
      get: (runId) => inTime('runs.get', runs.get(runId)),
      list: (page) => inTime('runs.list', runs.list(page)),
      read: (runId, after, limit) => inTime('runs.read', runs.read(runId, after, limit)),
      watch: (runId, wake) => inTime('runs.watch', runs.watch(runId, wake), stop),
      delete: (runId) => inTime('runs.delete', runs.delete(runId)),
    },
    threads: {
      append: (threadId, turn) => inTime('threads.append', threads.append(threadId, turn)),
      get: (threadId) => inTime('threads.get', threads.get(threadId)),
      read: (threadId, page) => inTime('threads.read', threads.read(threadId, page)),
      list: (page) => inTime('threads.list', threads.list(page)),
      delete: (threadId) => inTime('threads.delete', threads.delete(threadId)),
    },
    approvals: {
      create: (approval) => inTime('approvals.create', approvals.create(approval)),
      get: (approvalId) => inTime('approvals.get', approvals.get(approvalId)),
      list: (page) => inTime('approvals.list', approvals.list(page)),
      resolve: (approvalId, resolution) =>
        inTime('approvals.resolve', approvals.resolve(approvalId, resolution)),
      redeem: (approvalId, call, at) =>
        inTime('approvals.redeem', approvals.redeem(approvalId, call, at)),
      deleteOf: (runId) => inTime('approvals.deleteOf', approvals.deleteOf(runId)),
      watch: (approvalId, wake) =>
        inTime('approvals.watch', approvals.watch(approvalId, wake), stop),
    },
    idempotency: {
      claim: (claim) => inTime('idempotency.claim', idempotency.claim(claim)),
      confirm: (agent, key, claimed, runId) =>
        inTime('idempotency.confirm', idempotency.confirm(agent, key, claimed, runId)),
      release: (agent, key, runId) =>
        inTime('idempotency.release', idempotency.release(agent, key, runId)),
    },
    ledger: { account: () => accountInTime(ledger.account(), inTime) },
    audit: {
      append: (record) => inTime('audit.append', audit.append(record)),
      read: (page) => inTime('audit.read', audit.read(page)),
    },
    system: {
      claim: (options) => inTime('system.claim', system.claim(options)),
      sweep: (now) => inTime('system.sweep', system.sweep(now)),
      inspect: () => inTime('system.inspect', system.inspect()),
      migrate: () => system.migrate(),
      forget: (owner) => system.forget(owner),
    },
    close: () => store.close(),
  }
}

/**
 * The same for a queue: whoever starts or cancels a run is told in time that nobody answered. The run may have been
 * accepted for all that.
 */
export function withQueueDeadline(queue: RunQueue, ms: number, logger?: EngineLogger): RunQueue {
  const inTime = patience(ms, logger)
  return {
    enqueue: (run) => inTime('queue.enqueue', queue.enqueue(run)),
    cancel: (runId, reason) => inTime('queue.cancel', queue.cancel(runId, reason)),
  }
}

function accountInTime(account: LedgerAccount, inTime: InTime): LedgerAccount {
  return {
    charge: (entry) => inTime('ledger.charge', account.charge(entry)),
    hold: (hold, limits) => inTime('ledger.hold', account.hold(hold, limits)),
    settle: (holdId, entry) => inTime('ledger.settle', account.settle(holdId, entry)),
    standings: (limits, at, runId) =>
      inTime('ledger.standings', account.standings(limits, at, runId)),
    sums: (period, at) => inTime('ledger.sums', account.sums(period, at)),
    windows: (period, limit) => inTime('ledger.windows', account.windows(period, limit)),
    run: (runId) => inTime('ledger.run', account.run(runId)),
  }
}

function patience(ms: number, logger: EngineLogger | undefined): InTime {
  return (method, answer, undo) =>
    new Promise((resolve, reject) => {
      let late = false
      const timer = setTimeout(() => {
        late = true
        logger?.error({ method, storeMs: ms }, 'the store did not answer in time')
        reject(storeTimeout(method, ms))
      }, timerMs(ms))
      answer.then(
        (result) => {
          clearTimeout(timer)
          if (late) undo?.(result)
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
