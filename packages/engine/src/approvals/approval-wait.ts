import { timerMs } from '../internal/timer-ms.ts'
import type { ApprovalRecord, ApprovalStore } from '../store/approval-store.ts'

export interface ApprovalWait {
  readonly approvalId: string
  /** Epoch milliseconds. */
  readonly expiresAt: number
  readonly signal: AbortSignal
  readonly store: Pick<ApprovalStore, 'get' | 'watch'>
  readonly now: () => number
}

/**
 * Waits until an approval is decided or its time is over. Resolves with the approval as it then stands, undefined
 * where it is not there any more. Rejects with the signal's reason when that aborts.
 */
export async function waitForDecision(wait: ApprovalWait): Promise<ApprovalRecord | undefined> {
  const { approvalId, expiresAt, signal, store, now } = wait
  signal.throwIfAborted()
  let wake: () => void = () => undefined
  let woken = false
  const notice = (): void => {
    woken = true
    wake()
  }
  // Watching begins before the first look: what is decided in between is noticed.
  const stop = await store.watch(approvalId, notice)
  signal.addEventListener('abort', notice, { once: true })
  let timer: ReturnType<typeof setTimeout> | undefined
  const arm = (): void => {
    timer = setTimeout(look, timerMs(Math.max(1, expiresAt - now())))
  }
  // A timer may be a little early, and the longest one takes no more than days.
  const look = (): void => (now() >= expiresAt ? notice() : arm())
  arm()
  try {
    while (true) {
      signal.throwIfAborted()
      woken = false
      const record = await store.get(approvalId)
      if (record?.status !== 'pending' || now() >= expiresAt) return record
      signal.throwIfAborted()
      if (!woken) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', notice)
    stop()
  }
}
