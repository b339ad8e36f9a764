import { literal } from '../database/literal.ts'

/**
 * A worker's id says which process it is part of. As long as that process listens for notifications, the database
 * session that it listens on holds an advisory lock of its name: when the process dies, its sockets close, and the lock is
 * free at once, long before its heartbeat is missed.
 */
export function workerOf(processId: string, id: string): string {
  return `${processId}/${id}`
}

/** The process of a worker; undefined for one that says nothing of it, as those of older versions do. */
export function processOf(worker: string): string | undefined {
  const end = worker.indexOf('/')
  return end === -1 ? undefined : worker.slice(0, end)
}

/** The key of the lock, as an SQL expression. */
export function sessionKey(processId: string): string {
  return `hashtextextended(${literal(`ringfence.process ${processId}`)}, 0)`
}
