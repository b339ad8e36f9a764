import { timerMs } from '../internal/timer-ms.ts'
import type { EngineLogger } from '../logger.ts'
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
 * What crosses owners takes the time that it takes, and the memory of this process has always answered.
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
      read: (page) => audit.read(page),
    },
    system,
    close: () => store.close(),
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
