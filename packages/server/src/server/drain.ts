import type { Core } from '../handler/core.ts'
import type { CloseOptions } from './create-server.ts'
import type { Listener } from './listen.ts'

const flushMs = 1_000

/** Ends a server in an order in which nobody loses anything. */
export async function drain(
  core: Core,
  listener: Listener | undefined,
  { leaveMs, graceMs }: Required<CloseOptions>,
): Promise<void> {
  core.leaving = true
  listener?.beginDrain()
  // Whoever sends requests here is to look elsewhere first: nobody is refused for that.
  if (leaveMs > 0) await delay(leaveMs)
  core.draining = true
  await core.engine.close({ graceMs })
  // Every run has its terminal event now, and streams end with it; sockets get a turn to send theirs.
  await Promise.all(
    [...core.sockets].map((socket) => socket.closeWhenIdle(1001, 'shutting down', flushMs)),
  )
  await listener?.close(flushMs)
  await Promise.race([Promise.all(core.streams), delay(flushMs)])
  core.release()
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref()
  })
}
