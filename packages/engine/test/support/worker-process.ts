import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import type { DeploymentKeys } from './durable-node.ts'

/** What a worker process is started with. */
export interface WorkerOrders {
  readonly url: string
  readonly keys: DeploymentKeys
  readonly concurrency: number
  readonly ownerConcurrency: number
  /** How often it looks at everything for itself. */
  readonly pollMs?: number | undefined
  /** How far its clock is ahead, in milliseconds. Default 0. */
  readonly clockMs?: number | undefined
}

export type WorkerReport = 'ready'

export const workerOrders: z.ZodType<WorkerOrders> = z.object({
  url: z.string(),
  keys: z.custom<DeploymentKeys>(),
  concurrency: z.int(),
  ownerConcurrency: z.int(),
  pollMs: z.int().optional(),
  clockMs: z.int().optional(),
})

/** Starts a worker as a process of its own. Resolves when it takes runs. */
export async function startWorker(orders: WorkerOrders): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('durable-worker.ts', import.meta.url))
  const worker = fork(script, [JSON.stringify(orders)], {
    execArgv: [
      '--conditions=@ringfence/source',
      '--disable-warning=ExperimentalWarning',
      ...(orders.clockMs === undefined
        ? []
        : [`--import=data:text/javascript,${clockOf(orders.clockMs)}`]),
    ],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  await Promise.race([
    once(worker, 'message'),
    once(worker, 'exit').then(() => Promise.reject(new Error('The worker did not start'))),
  ])
  return worker
}

/** A process whose clock is wrong, from its first line on. */
function clockOf(aheadMs: number): string {
  return encodeURIComponent(`
    const Right = Date;
    globalThis.Date = class extends Right {
      constructor(...given) { if (given.length === 0) super(Date.now()); else super(...given); }
      static now() { return Right.now() + ${aheadMs}; }
    };`)
}

/** Ends it by its pid, whatever state it is in. */
export async function endWorker(worker: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return
  const ended = once(worker, 'exit')
  worker.kill(signal)
  await ended
}
